// Launches from the portal's page, and shows progress, errors and the link to the notebook.

const url = document.body.dataset.launcher;
const element = (id) => document.getElementById(id);
const own = { headers: { "X-Portal": "page" } };
const CANCELLED = "urn:problem-type:launcher:cancelled";
const WORDS = {
  queued: "Waiting for a place …",
  starting: "Your server is starting …",
  uploading: "The notebook is being written …",
};

/** The user's token, from the portal's session; it stays in this variable of the page. */
async function token() {
  const answer = await fetch("/token", own);
  if (answer.status === 401) location.assign("/sign-in"); // the session has ended
  if (!answer.ok) throw new Error("Sign in again.");
  return (await answer.json()).token;
}

function show({ state, message, progress, position }) {
  const place = position ? `Place ${position} in the queue …` : "";
  element("state").textContent = message || place || WORDS[state] || "";
  if (progress !== undefined) element("progress").value = progress;
}

function fail(error) {
  if (error.type === CANCELLED) {
    element("state").textContent = "The launch was cancelled.";
    return;
  }
  if (error.status === 401) location.assign("/sign-in"); // the token has expired
  const wrong = error.errors?.find(({ pointer }) => pointer === "/notebook/filename");
  element("error").textContent = wrong ? `The file name ${wrong.detail}.` : error.message;
  element("filename").setAttribute("aria-invalid", Boolean(wrong));
}

function begin() {
  element("launch").querySelector("button").disabled = true;
  element("filename").removeAttribute("aria-invalid");
  element("error").textContent = "";
  element("open").hidden = true;
  element("progress").removeAttribute("value");
  element("progress").hidden = false;
  show({ state: "starting" });
}

function end() {
  element("launch").querySelector("button").disabled = false;
  element("progress").hidden = element("cancel").hidden = true;
}

element("launch").addEventListener("submit", async (event) => {
  event.preventDefault();
  begin();
  try {
    // from the launcher, so that both have the same version
    const { Launcher } = await import(`${url}/static/launcher.js`).catch(() => {
      throw new Error("The launcher does not answer. Try again later.");
    });
    const launcher = new Launcher(url, { token: await token() });
    const notebook = { directory: "portal", filename: element("filename").value };
    const launch = await launcher.start("hello", { notebook });
    element("cancel").onclick = () => launcher.cancel(launch.id).catch(fail);
    element("cancel").hidden = false;
    element("open").href = await launcher.follow(launch, { onProgress: show });
    element("state").textContent = "The notebook is ready.";
    element("open").hidden = false;
    element("open").focus();
  } catch (error) {
    element("state").textContent = "";
    fail(error);
  } finally {
    end();
  }
});

element("sign-out").addEventListener("click", async () => {
  await fetch("/sign-out", { method: "POST", ...own });
  location.reload();
});
