// What a page on another user's server tries with the cookies of whoever opens it. Each attempt
// writes a line "name: result" to #out; "done" comes last.
const target = new URLSearchParams(location.search).get("target");
const out = document.getElementById("out");
const say = (name, result) => out.append(`${name}: ${String(result).slice(0, 200)}\n`);
const TOKEN = /(?:data-xsrf|name="_xsrf" value)="([^"]+)"/;
const tokenIn = (text) => (TOKEN.exec(text) || [, "none"])[1];
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

async function attempt(name, action) {
  try {
    say(name, await action());
  } catch (error) {
    say(name, `refused, ${error.name}`);
  }
}

const post = (path, type, body, headers = {}) => fetch(target + path, {
  method: "POST", credentials: "include", headers: { "Content-Type": type, ...headers }, body,
}).then((answer) => answer.status);

const form = "application/x-www-form-urlencoded";
const launch = JSON.stringify({ experiment: "hello", parameters: {}, notebook: { directory: "x" } });

async function byFetch() {
  for (const path of ["/home/", "/home/token", "/launch/hello", "/ui/"]) {
    await attempt(`token by fetch of ${path}`, async () => {
      const answer = await fetch(target + path, { credentials: "include" });
      return tokenIn(await answer.text());
    });
  }
  for (const mode of ["cors", "same-origin", "no-cors"]) {
    await attempt(`launches by fetch, ${mode}`, async () => {
      const answer = await fetch(`${target}/launches`, { credentials: "include", mode });
      return answer.status;
    });
    await attempt(`launch by fetch, ${mode}`, async () => {
      const answer = await fetch(`${target}/launches`, {
        method: "POST", credentials: "include", mode, body: launch,
        headers: { "Content-Type": mode === "no-cors" ? "text/plain" : "application/json" },
      });
      return answer.status;
    });
  }
  await attempt("form by fetch", () => post("/launch/hello", form, "action=launch"));
  await attempt("form by fetch, token guessed", () => post(
    "/launch/hello", form, "action=launch&_xsrf=guess", { "X-XSRFToken": "guess" },
  ));
  await attempt("stop by fetch", () => post("/home/servers/stop", form, "server="));
  await attempt("token by XMLHttpRequest", () => new Promise((done, failed) => {
    const request = new XMLHttpRequest();
    request.onload = () => done(tokenIn(request.responseText));
    request.onerror = () => failed(new TypeError("network"));
    request.open("GET", `${target}/home/`);
    request.send();
  }));
}

async function byFrame() {
  for (const path of ["/home/", "/launch/hello", "/launch/hello/preview"]) {
    await attempt(`token by frame of ${path}`, async () => {
      const frame = document.createElement("iframe");
      frame.src = target + path;
      const loaded = new Promise((done) => { frame.onload = done; });
      document.body.append(frame);
      await Promise.race([loaded, sleep(5000)]);
      return tokenIn(frame.contentDocument.documentElement.outerHTML);
    });
  }
}

async function byWindow() {
  for (const path of ["/home/", "/launch/hello", "/ui/"]) {
    await attempt(`token by window of ${path}`, async () => {
      const opened = window.open(target + path);
      let found = "none";
      for (let tries = 0; tries < 20 && found === "none"; tries += 1) {
        await sleep(100);
        // while the window is still empty there is nothing in it; then this throws, or works
        found = tokenIn(opened.document.documentElement.outerHTML);
      }
      return found;
    });
  }
}

document.getElementById("windows").addEventListener("click", async () => {
  await byWindow();
  say("windows", "done");
});
byFetch().then(byFrame).then(() => say("all", "done"));
