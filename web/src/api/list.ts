import { all, get, type Schemas } from './client'

/** readExperiments reads every experiment as it stands. */
export const readExperiments = (signal?: AbortSignal): Promise<readonly Schemas['Experiment'][]> => all('/experiments', { sort: 'key' }, signal)

/** readOverview reads the verdict and the last change of every experiment. */
export const readOverview = (signal?: AbortSignal): Promise<Schemas['Overview']> => get('/overview', {}, signal)
