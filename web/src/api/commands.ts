import { useMutation, useQueryClient, type UseMutationResult } from '@tanstack/react-query'
import { asProblem, send, type Answer, type Problem, type Request } from './client'

export interface Command extends Pick<Request, 'body' | 'ifVersion' | 'reason'> {
  readonly method: 'POST' | 'PATCH' | 'DELETE'
  readonly path: string
}

/**
 * run carries a command out exactly once: an answer that was lost on the way is
 * asked for again with the same idempotency key, a few times.
 */
export async function run<T>(command: Command): Promise<Answer<T>> {
  const { path, ...rest } = command
  const request = { ...rest, idempotencyKey: crypto.randomUUID() }
  for (let attempt = 1; ; attempt++) {
    try {
      return await send<T>(path, request)
    } catch (error) {
      const problem = asProblem(error)
      if (attempt === 3 || !problem.unreachable) throw problem
      await new Promise((resolve) => setTimeout(resolve, 400 * attempt))
    }
  }
}

/** useCommand runs commands and has everything that follows from the ledger read anew. */
export function useCommand<T = unknown>(): UseMutationResult<Answer<T>, Problem, Command> {
  const client = useQueryClient()
  return useMutation<Answer<T>, Problem, Command>({
    mutationFn: (command) => run<T>(command),
    onSuccess: () => void client.invalidateQueries({ queryKey: ['ledger'] }),
  })
}
