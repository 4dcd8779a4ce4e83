/**
 * Launches experiments from web pages, also of other hosts that c.Launcher.allowed_origins lists.
 *
 *     const launcher = new Launcher("https://hub.example.org/services/launcher", { token });
 *     const notebook = { directory: "course" };
 *     const location = await launcher.launch("hello", { notebook, onProgress: console.log });
 */

const ENDED = ["done", "failed", "cancelled"];
// no answer, too many requests, and what proxies answer for a launcher that restarts
const PASSING = [0, 429, 502, 503, 504];
const PAUSE = 2; // seconds
const MAX_PAUSE = 10;
const MAX_TRIES = 60;
const SILENCE = 45; // the launcher sends something every 15 s

/** A request that was refused, or a launch that failed (RFC 9457); `message` is its `detail`. */
export class LauncherError extends Error {
  /**
   * @param {object} problem `type`, `title`, `detail`, `errors` (a list of `{pointer, detail}`)
   * @param {object} more `status` (of HTTP; 0: no answer), `retryAfter` (seconds), `launch`
   */
  constructor(problem, { status = problem.status ?? 0, retryAfter, launch, cause } = {}) {
    super(problem.detail || problem.title || `The launcher answered ${status}.`, { cause });
    const { type = "about:blank", title = "", errors = [] } = problem;
    const [name, detail] = ["LauncherError", this.message];
    Object.assign(this, { name, type, title, detail, errors, status, retryAfter, launch });
  }
}

export class Launcher {
  /**
   * @param {string} url the launcher's URL
   * @param {object} options `token`: a JupyterHub token of the user, with the scope
   *   `access:services!service=launcher`; or, on a page of the launcher itself, `xsrf`: its token
   */
  constructor(url, { token = "", xsrf = "" } = {}) {
    this.url = url.replace(/\/+$/, "");
    this.headers = token ? { Authorization: `token ${token}` } : { "X-XSRFToken": xsrf };
    this.credentials = token ? "omit" : "same-origin";
  }

  /**
   * Launch an experiment, and wait for the URL that opens it.
   *
   * @param {string} experiment its name
   * @param {object} options `notebook` (`directory`, perhaps `filename`, `if_exists`, `server`),
   *   `parameters`, `onProgress` (gets `{state, message, progress, position}`, as far as known),
   *   `signal` (an AbortSignal: it ends the wait, not the launch)
   * @returns {Promise<string>} the URL
   * @throws {LauncherError}
   */
  async launch(experiment, { onProgress, ...options } = {}) {
    const launch = await this.start(experiment, options);
    return this.follow(launch, { onProgress, signal: options.signal });
  }

  /** Begin a launch; returns `{id, state, …}` at once. The arguments are those of `launch`. */
  async start(experiment, { notebook, parameters = {}, signal } = {}) {
    // with the same key, a repeated request is the same launch
    const headers = { Prefer: "respond-async", "Idempotency-Key": randomKey() };
    const path = `/experiments/${encodeURIComponent(experiment)}`;
    for (let tries = 1; ; tries += 1) {
      try {
        const answer = await this.request("POST", path, { notebook, parameters }, headers, signal);
        return answer.status === 202 ? await json(answer) : this.find(launchId(answer), signal);
      } catch (error) {
        const again = passes(error) && error.status !== 429 && !error.launch && tries < 4;
        if (!again || error.retryAfter > MAX_PAUSE) throw error;
        await pause(error.retryAfter ?? PAUSE, signal);
      }
    }
  }

  /**
   * Wait for the end of a launch, an object with its `id`; resumes a lost connection.
   *
   * @returns {Promise<string>} the URL that opens it
   * @throws {LauncherError} also if the launch fails or is cancelled
   */
  async follow(launch, { onProgress = () => {}, signal } = {}) {
    const stream = { last: "", from: 0 };
    for (let tries = 0; !ENDED.includes(launch.state); ) {
      launch = await this.#streamed(launch, stream, onProgress, signal);
      if (ENDED.includes(launch.state)) break;
      try {
        const { state, position } = launch;
        launch = await this.find(launch.id, signal);
        if (launch.state !== state || launch.position !== position) onProgress(launch);
        tries = 0;
      } catch (error) {
        tries += 1;
        if (!passes(error) || tries > MAX_TRIES) throw error;
      }
      if (!ENDED.includes(launch.state)) await pause(PAUSE, signal);
    }
    if (launch.state === "done") return launch.location;
    throw new LauncherError(launch.problem ?? CANCELLED, { launch });
  }

  /** Follow the stream of events until it ends; returns the launch as it is then. */
  async #streamed(launch, stream, onProgress, signal) {
    if (Date.now() < stream.from) return launch;
    try {
      for await (const { id, name, data } of this.events(launch.id, stream.last, signal)) {
        stream.last = id;
        if (name === "end") return data;
        onProgress({ state: launch.state, ...data });
        if (name !== "progress") launch = { ...launch, ...data };
      }
    } catch (error) {
      if (!passes(error)) throw error;
      // too many streams: poll for so long
      stream.from = Date.now() + 1000 * (error.retryAfter ?? 0);
    }
    return launch;
  }

  /** The launch as it is now. */
  async find(id, signal) {
    return json(await this.request("GET", `/launches/${id}`, undefined, {}, signal));
  }

  /** Cancel a launch, and return it; throws LauncherError (409) if it has ended. */
  async cancel(id) {
    return json(await this.request("DELETE", `/launches/${id}`));
  }

  /** The experiments, with the JSON Schema of their `parameters`. */
  async experiments() {
    return (await json(await this.request("GET", "/experiments"))).experiments;
  }

  /** The events `{id, name, data}` after the one with the id `last`, until the stream ends. */
  events(id, last = "", signal) {
    return this.stream(`/launches/${id}/events`, last, signal);
  }

  /** The events of the stream at a path; those without a name only have an id to go on from. */
  async *stream(path, last = "", signal) {
    const headers = last ? { "Last-Event-ID": last } : {};
    const answer = await this.request("GET", path, undefined, headers, signal);
    if (answer.status === 204) return;
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let silence;
    try {
      for (let rest = ""; ; ) {
        silence = setTimeout(() => reader.cancel(), 1000 * SILENCE);
        const { done, value } = await reader.read();
        clearTimeout(silence);
        if (done) return;
        const blocks = (rest + value).split("\n\n");
        rest = blocks.pop();
        yield* blocks.map(parsed).filter(({ id }) => id);
      }
    } catch (error) {
      // a TypeError: the connection is lost
      if (signal?.aborted || !(error instanceof TypeError)) throw error;
    } finally {
      clearTimeout(silence);
      reader.cancel().catch(() => {});
    }
  }

  /** A request; throws LauncherError unless the answer is a success. */
  async request(method, path, body, headers = {}, signal) {
    const content = body === undefined ? {} : { "Content-Type": "application/json" };
    const answer = await fetch(this.url + path, {
      method,
      headers: { ...this.headers, ...content, ...headers },
      body: JSON.stringify(body),
      credentials: this.credentials,
      redirect: "error",
      signal,
    }).catch(lost);
    if (answer.ok) return answer;
    const problem = await answer.json().catch(() => ({ title: answer.statusText }));
    const retryAfter = Number.parseInt(answer.headers.get("Retry-After"), 10) || undefined;
    const id = launchId(answer);
    const launch = id && { id };
    throw new LauncherError(problem, { status: answer.status, retryAfter, launch });
  }
}

const CANCELLED = {
  type: "urn:problem-type:launcher:cancelled",
  title: "The launch was cancelled",
  status: 409,
};

/** Whether the launcher is away or busy, and another try may succeed. */
export function passes(error) {
  return error instanceof LauncherError && PASSING.includes(error.status);
}

/** Throw LauncherError for a failed connection; browsers do not say if CORS is the reason. */
function lost(cause) {
  if (!(cause instanceof TypeError || cause instanceof SyntaxError)) throw cause;
  throw new LauncherError({ detail: "The launcher does not answer. Try again later." }, { cause });
}

/** The value of an answer's body; throws LauncherError if the connection is lost meanwhile. */
export const json = (answer) => answer.json().catch(lost);

/** The id in the header Link, such as `</launches/0123>; rel="status"`. */
function launchId(answer) {
  return /([^/>]*)>; *rel="status"/.exec(answer.headers.get("Link") ?? "")?.[1];
}

/** An event of a stream (HTML Living Standard). */
function parsed(block) {
  const fields = Object.fromEntries(block.split("\n").map((line) => line.split(/: (.*)/, 2)));
  return { id: fields.id, name: fields.event, data: JSON.parse(fields.data ?? "null") };
}

/** As crypto.randomUUID, which pages without https lack. */
function randomKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    setTimeout(resolve, 1000 * seconds);
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
