import { randomBytes } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { replacing } from '../support/changes.ts';
import { callFunction, createResource, type Properties } from '../support/cloud.ts';
import { create, Empty, get, type Message, messagesOf, properties, respondWith, toStruct } from '../support/messages.ts';
import { construct } from './components.ts';

const messages = messagesOf('provider');
const { DiffResponse } = messages as unknown as { DiffResponse: { DiffChanges: Record<'DIFF_NONE' | 'DIFF_SOME', number> } };

/** Where a resource's state keeps the name from which its other values were derived. */
const BASE = 'standInName';

/** What the random provider generates, by resource type. */
const GENERATED: Record<string, string[]> = {
  'random:index/randomBytes:RandomBytes': ['base64', 'hex'],
  'random:index/randomPassword:RandomPassword': ['result'],
};

const typeOf = (urn: string): string => urn.split('::')[2]!.split('$').at(-1)!;

interface ProviderOptions {
  /** of the plugin that it stands in for */
  version: string;
  /** only a plugin of components has to: of others, the engine keeps secret what it was passed as secret */
  acceptsSecrets: boolean;
  /** receives every secret value that it generates */
  generated: Set<string>;
}

/**
 * A stand-in for any provider, with the methods that Pulumi's engine calls. It keeps no resource: all it knows of one is what the engine
 * sends back from its state.
 */
export function provider({ version, acceptsSecrets, generated }: ProviderOptions) {
  const createOne = (request: Message): Message => {
    const [urn, inputs] = [get<string>(request, 'Urn'), properties(request, 'Properties')];
    if (get(request, 'Preview')) return create(messages, 'CreateResponse', { Properties: toStruct(inputs) });
    // As with the real providers, a replacement has another name, so that whatever refers to it changes too.
    const base = `${urn.split('::').at(-1)}-${randomBytes(3).toString('hex')}`;
    const { id, state } = createResource(typeOf(urn), base, inputs);
    for (const name of GENERATED[typeOf(urn)] ?? []) generated.add(String(state[name]));
    return create(messages, 'CreateResponse', { Id: id, Properties: toStruct({ ...state, [BASE]: base }) });
  };
  const update = (request: Message): Message => {
    const [olds, news] = [properties(request, 'Olds'), properties(request, 'News')];
    const { state } = createResource(typeOf(get(request, 'Urn')), String(olds[BASE]), news);
    return create(messages, 'UpdateResponse', { Properties: toStruct({ ...state, [BASE]: olds[BASE] }) });
  };
  return {
    handshake: respondWith(() => create(messages, 'ProviderHandshakeResponse', { AcceptSecrets: acceptsSecrets })),
    attach: respondWith(() => new Empty()),
    getPluginInfo: respondWith(() => create(messagesOf('plugin'), 'PluginInfo', { Version: version })),
    checkConfig: respondWith(check),
    diffConfig: respondWith(() => create(messages, 'DiffResponse', { Changes: DiffResponse.DiffChanges.DIFF_NONE })),
    configure: respondWith(() => create(messages, 'ConfigureResponse', { Supportspreview: true, Acceptsecrets: acceptsSecrets })),
    invoke: respondWith((request) => create(messages, 'InvokeResponse', { Return: toStruct(callFunction(get(request, 'Tok'))) })),
    construct: respondWith(construct),
    check: respondWith(check),
    diff: respondWith(diff),
    create: respondWith(createOne),
    update: respondWith(update),
    delete: respondWith(() => new Empty()),
    cancel: respondWith(() => new Empty()),
  };
}

function check(request: Message): Message {
  return create(messages, 'CheckResponse', { Inputs: toStruct(properties(request, 'News')) });
}

/** Compares the inputs, which the program determines. The engine has already put back those that the program ignores. */
function diff(request: Message): Message {
  const [old, now]: Properties[] = [properties(request, 'OldInputs'), properties(request, 'News')];
  const names = [...new Set([...Object.keys(old!), ...Object.keys(now!)])];
  const changed = names.filter((name) => !isDeepStrictEqual(old![name], now![name]));
  return create(messages, 'DiffResponse', {
    Changes: DiffResponse.DiffChanges[changed.length > 0 ? 'DIFF_SOME' : 'DIFF_NONE'],
    DiffsList: changed,
    ReplacesList: replacing(typeOf(get(request, 'Urn')), changed),
  });
}
