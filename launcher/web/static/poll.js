/**
 * Waits for events, such as the save of a notebook, on pages that react to them.
 *
 *     const { filename, user } = await waitForUpdate({ filename: "day1.ipynb" }, 2000, { token });
 */

import { Launcher, LauncherError, json, passes } from "./launcher.js";

const FIELDS = ["type", "user", "filename", "path"];
const INTERVAL = 2000; // milliseconds
const MAX_PAUSE = 10;
const FULL = 10; // seconds until the next try, if the user has too many streams
const KEPT = 10; // seconds that the stream stays open for the next call
const MOST = 1000; // events in an answer
// the clocks of those who report events differ
const LATE = 10 * 60 * 1000; // milliseconds
const MAX_TIMEOUT = 2 ** 31 - 1;

/**
 * Wait until an event that matches is recorded, or changes, after this call.
 *
 * @param {object} filters fields of the event: `type`, `user`, `filename`, `path`
 * @param {number} interval milliseconds between two looks while the launcher refuses another stream
 * @param {object} options `token`: a JupyterHub token of the user, with the scope
 *   `access:services!service=launcher`; or, on a page of the launcher itself, `xsrf`: its token.
 *   `signal`: an AbortSignal that ends the wait. `url`: the launcher's URL, if it is not the one
 *   that this file came from
 * @returns {Promise<object>} the event, as `GET /events` shows it; rejects with LauncherError if
 *   the user is not signed in, or may not see such events
 * @throws {TypeError}
 */
export function waitForUpdate(filters = {}, interval = INTERVAL, options = {}) {
  check(filters, interval);
  const { signal } = options;
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const feed = Feed.of(options);
    const wait = { filters: { ...filters }, seconds: interval / 1000, streamed: false };
    const end = (settle) => (value) => {
      signal?.removeEventListener("abort", wait.abort);
      feed.remove(wait);
      settle(value);
    };
    Object.assign(wait, { resolve: end(resolve), reject: end(reject) });
    wait.abort = () => wait.reject(signal.reason);
    signal?.addEventListener("abort", wait.abort);
    feed.add(wait);
  });
}

// for scripts that import nothing
globalThis.waitForUpdate = waitForUpdate;

/** The events that one user may see, from one stream for all calls of the page. */
class Feed {
  static #feeds = new Map();

  /** The feed for the options of a call; throws LauncherError if they cannot work. */
  static of({ url = new URL("..", import.meta.url).href, token = "", xsrf = "" }) {
    const key = JSON.stringify([url, token, xsrf]);
    if (!Feed.#feeds.has(key)) Feed.#feeds.set(key, new Feed(key, url, { token, xsrf }));
    return Feed.#feeds.get(key);
  }

  #key;
  #launcher;
  #hasToken;
  #waits = new Set();
  #closing = new AbortController();
  #idle;
  #running = false;
  #last = ""; // the id to go on from
  #isFull = false;

  constructor(key, url, { token, xsrf }) {
    const page = globalThis.location?.href ?? url;
    this.#key = key;
    this.#launcher = new Launcher(new URL(url, page).href, { token, xsrf });
    this.#hasToken = Boolean(token);
    // browsers would not say why they do not send it
    if (!token && new URL(url, page).origin !== new URL(page).origin) {
      throw this.#explained(new LauncherError({}, { status: 401 }));
    }
  }

  add(wait) {
    this.#waits.add(wait);
    clearTimeout(this.#idle);
    if (!this.#running) this.#run();
    if (this.#isFull) this.#poll(wait);
    if ("user" in wait.filters) this.#checkUser(wait);
  }

  remove(wait) {
    if (!this.#waits.delete(wait) || this.#waits.size > 0) return;
    this.#idle = setTimeout(() => this.#close(), 1000 * KEPT);
  }

  #close() {
    clearTimeout(this.#idle);
    Feed.#feeds.delete(this.#key);
    this.#closing.abort();
  }

  /** Follow the stream, and connect again whenever it ends. */
  async #run() {
    this.#running = true;
    const { signal } = this.#closing;
    for (let tries = 0; !signal.aborted; tries += 1) {
      let seconds;
      try {
        if (await this.#follow(signal)) tries = 0;
      } catch (error) {
        if (signal.aborted) return;
        if (!passes(error)) return this.#fail(error);
        seconds = error.retryAfter;
        if (error.status === 429) {
          seconds ??= FULL;
          this.#isFull = true;
          for (const wait of this.#waits) this.#poll(wait);
        }
      }
      if (this.#waits.size === 0) return this.#close();
      // at random, or all pages come at once after a restart
      const backoff = Math.min(2 ** tries, MAX_PAUSE) * (0.5 + Math.random() / 2);
      await pause(seconds ?? backoff, signal);
    }
  }

  /** Follow the stream until it ends; returns whether there was one. */
  async #follow(signal) {
    let began = false;
    try {
      const stream = this.#launcher.stream("/events/stream", this.#last, signal);
      for await (const { id, name, data } of stream) {
        this.#last = id;
        if (!began) this.#begin();
        began = true;
        if (name === "event") this.#happened(data);
      }
    } finally {
      if (began) for (const wait of this.#waits) wait.streamed = true;
    }
    return began;
  }

  #begin() {
    this.#isFull = false;
    // what happened between the last look and the beginning of the stream
    for (const wait of this.#waits) if (wait.known) this.#look(wait);
  }

  #happened(event) {
    for (const wait of this.#waits) {
      // a stream that is resumed repeats what was before this call
      const isOld = !wait.streamed && wait.known?.get(event.id) === event.timestamp;
      if (!isOld && matches(event, wait.filters)) wait.resolve(event);
    }
  }

  /** Look again and again, until the launcher allows another stream. */
  async #poll(wait) {
    if (wait.polls) return;
    wait.polls = true;
    while (this.#isFull && this.#waits.has(wait)) {
      const seconds = await this.#look(wait);
      await pause(Math.max(wait.seconds, seconds), this.#closing.signal);
    }
    wait.polls = false;
  }

  /** Resolve if there is an event that was not there before; returns seconds to pause at least. */
  async #look(wait) {
    try {
      const events = await this.#list(wait);
      const isNew = ({ id, timestamp }) => wait.known.get(id) !== timestamp;
      if (wait.known && events.some(isNew)) wait.resolve(events.find(isNew));
      // once the stream has begun, it says what is new
      if (!wait.known && this.#isFull) learn(wait, events);
    } catch (error) {
      if (!this.#closing.signal.aborted && !passes(error)) wait.reject(this.#explained(error));
      return error.retryAfter ?? 0;
    }
    return 0;
  }

  /** The events that match; after the first look, without those of long before it. */
  async #list({ filters, since }) {
    const query = new URLSearchParams({ ...filters, limit: MOST });
    if (since) query.set("since", since);
    for (const found = []; ; query.set("after", found.at(-1).id)) {
      const page = await this.#get(query);
      for (const event of page) found.push(event);
      if (page.length < MOST) return found;
    }
  }

  async #get(query) {
    const { signal } = this.#closing;
    return json(await this.#launcher.request("GET", `/events?${query}`, undefined, {}, signal));
  }

  /** Reject a wait for events of a user whose events the caller may not see. */
  async #checkUser(wait) {
    const { user } = wait.filters;
    try {
      await this.#get(new URLSearchParams({ user, limit: 1 }));
    } catch (error) {
      if (!this.#closing.signal.aborted && !passes(error)) wait.reject(this.#explained(error));
    }
  }

  #fail(error) {
    this.#close();
    for (const wait of this.#waits) wait.reject(this.#explained(error));
    clearTimeout(this.#idle);
  }

  /** The error with what the user can do about it. */
  #explained(error) {
    const home = `${this.#launcher.url}/home/`;
    let detail;
    if (error.status === 403) {
      detail = `${error.message} Sign in at ${home} as a user who may, and open this page again.`;
    } else if (error.status === 401 && this.#hasToken) {
      detail =
        "The launcher does not accept this page's token: it has expired, or is wrong." +
        ` Sign in at ${home}, and open this page again.`;
    } else if (error.status === 401) {
      detail =
        `The launcher does not know who you are. Sign in at ${home}, and open this page again.` +
        " A page that is not the launcher's own needs a token of yours.";
    } else {
      return error;
    }
    const { type, title, status } = error;
    return new LauncherError({ type, title, detail }, { status, cause: error });
  }
}

/** Throw TypeError for arguments that cannot work. */
function check(filters, interval) {
  if (filters === null || typeof filters !== "object") {
    throw new TypeError('The filters must be an object, such as { filename: "day1.ipynb" }.');
  }
  for (const [name, value] of Object.entries(filters)) {
    if (!FIELDS.includes(name)) {
      throw new TypeError(`There is no filter ${name}. The filters are ${FIELDS.join(", ")}.`);
    }
    if (typeof value !== "string" || value === "") {
      throw new TypeError(`The filter ${name} must be a string that is not empty.`);
    }
  }
  if (!Number.isFinite(interval) || interval <= 0) {
    throw new TypeError("The interval must be a positive number of milliseconds.");
  }
}

function matches(event, filters) {
  return Object.entries(filters).every(([name, value]) => event[name] === value);
}

/** Keep what a wait does not wait for: the events that are there when it begins. */
function learn(wait, events) {
  wait.known = new Map(events.map(({ id, timestamp }) => [id, timestamp]));
  // a clock may be fast
  const times = events.map(({ timestamp }) => Math.min(Date.parse(timestamp), Date.now()));
  const newest = times.reduce((one, other) => Math.max(one, other), 0);
  if (newest > LATE) wait.since = new Date(newest - LATE).toISOString();
}

/** Wait for so many seconds, or until the signal. */
function pause(seconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(end, Math.min(1000 * seconds, MAX_TIMEOUT));
    signal.addEventListener("abort", end);
    function end() {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    }
  });
}
