import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

/** The folder of the server extension's routes below the server's base URL. */
const API = 'remotekit/api';

/** A question to the server that brought no usable answer. */
export class RequestError extends Error {
  /**
   * @param message What went wrong, for the console; not shown on the page.
   * @param status The HTTP status, or null where no answer arrived in time.
   */
  constructor(
    message: string,
    readonly status: number | null,
    options?: ErrorOptions
  ) {
    super(message, options);
    this.name = 'RequestError';
  }
}

export interface IRequestOptions<T> {
  readonly serverSettings: ServerConnection.ISettings;

  /** Turns the decoded JSON into what the caller needs, or throws. */
  readonly parse: (body: unknown) => T;

  /** The language that sentences in the answer should be in, as BCP 47. */
  readonly language?: string;

  /** Milliseconds after which no answer counts as an answer. */
  readonly timeout?: number;
}

/**
 * Fetches one JSON document of the server extension.
 *
 * @param route The route below `remotekit/api`.
 * @throws RequestError whatever the reason.
 */
export async function request<T>(
  route: string,
  options: IRequestOptions<T>
): Promise<T> {
  const { serverSettings, parse, language, timeout = 10_000 } = options;
  const url = URLExt.join(serverSettings.baseUrl, API, route);
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), timeout);
  try {
    const response = await ServerConnection.makeRequest(
      url,
      {
        method: 'GET',
        signal: deadline.signal,
        ...(language && { headers: { 'Accept-Language': language } })
      },
      serverSettings
    );
    if (!response.ok) {
      throw new RequestError(
        `${url} answered ${response.status}`,
        response.status
      );
    }
    return await read(response, parse);
  } catch (error) {
    if (error instanceof RequestError) {
      throw error;
    }
    throw new RequestError(`${url} could not be reached`, null, {
      cause: error
    });
  } finally {
    clearTimeout(timer);
  }
}

/** Proxies on the way like to answer 200 with a page of their own. */
async function read<T>(
  response: Response,
  parse: (body: unknown) => T
): Promise<T> {
  try {
    return parse(await response.json());
  } catch (error) {
    throw new RequestError(
      `${response.url} answered with something else than expected`,
      response.status,
      { cause: error }
    );
  }
}
