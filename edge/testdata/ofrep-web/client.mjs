// Drives the OFREP web provider: reads one command per line, as JSON, and answers
// each with one line.
import { createInterface } from 'node:readline';
import { OFREPWebProvider } from '@openfeature/ofrep-web-provider';
import { OpenFeature, ProviderEvents } from '@openfeature/web-sdk';
import { EventSource } from 'eventsource';

const [baseUrl, token] = process.argv.slice(2);
globalThis.EventSource = EventSource; // Node has none of its own

// What the provider asks for, and what it is answered.
const requests = [];
const plainFetch = globalThis.fetch;
globalThis.fetch = async (request, init) => {
  const response = await plainFetch(request, init);
  if (request instanceof Request) {
    requests.push({
      query: new URL(request.url).search,
      ifNoneMatch: request.headers.get('if-none-match') ?? '',
      status: response.status,
      etag: response.headers.get('etag') ?? '',
    });
  }
  return response;
};

const client = OpenFeature.getClient();
const changes = [];
let changed = () => {};
OpenFeature.addHandler(ProviderEvents.ConfigurationChanged, (event) => {
  changes.push(event?.flagsChanged ?? []);
  changed();
});

const commands = {
  async start({ context }) {
    await OpenFeature.setContext(context);
    await OpenFeature.setProviderAndWait(
      new OFREPWebProvider({
        baseUrl,
        cacheMode: 'disabled',
        pollInterval: 0,
        headers: [['Authorization', `Bearer ${token}`]],
      }),
    );
    return {};
  },
  async context({ context }) {
    await OpenFeature.setContext(context);
    return {};
  },
  async details({ key, fallback }) {
    switch (typeof fallback) {
      case 'boolean':
        return client.getBooleanDetails(key, fallback);
      case 'string':
        return client.getStringDetails(key, fallback);
      case 'number':
        return client.getNumberDetails(key, fallback);
    }
    return client.getObjectDetails(key, fallback);
  },
  // The flags of the next change that has not been asked for.
  async change() {
    if (changes.length === 0) {
      await new Promise((resolve) => (changed = resolve));
    }
    return { flags: changes.shift() };
  },
  async requests() {
    return { requests: requests.splice(0) };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  let answer;
  try {
    answer = await commands[command.do](command);
  } catch (error) {
    answer = { error: `${error.name}: ${error.message}`, cause: String(error.cause ?? '') };
  }
  console.log(JSON.stringify(answer));
}
await OpenFeature.close();
process.exit(0);
