// Adds and removes rows of a form, and shows alternatives, without a round trip to the server.
// Without this module the same buttons submit the form, and the server shows it again.

const NUMBER = "~n";
const FIELDS = "input:not([type=hidden]), select, textarea";

/** The id of a control's element, as launcher/forms/controls.py makes it. */
function anchor(name) {
  const letters = Array.from(name, (letter) =>
    /[A-Za-z0-9_]/.test(letter) ? letter : `.${letter.codePointAt(0).toString(16)}.`);
  return `field${letters.join("")}`;
}

/** The highest number of the rows, counted from 0; -1 without rows. */
function lastNumber(rows) {
  const numbers = Array.from(rows.children, (row) =>
    Number(row.dataset.row.split("/").pop().replace("~#", "")));
  return Math.max(-1, ...numbers);
}

/** Replace texts in the attributes of an element and of all those in it. */
function rename(element, replacements) {
  for (const each of [element, ...element.querySelectorAll("*")]) {
    for (const attribute of each.attributes) {
      for (const [from, to] of replacements) {
        if (attribute.value.includes(from)) {
          attribute.value = attribute.value.replaceAll(from, to);
        }
      }
    }
    if (each instanceof HTMLTemplateElement) {
      for (const inner of each.content.children) rename(inner, replacements);
    }
  }
}

function own(element, selector) {
  return element.querySelector(`:scope > ${selector}`);
}

function update(list, said) {
  const rows = own(list, "[data-rows]").children.length;
  own(list, "[data-add]").hidden = rows >= Number(list.dataset.most);
  own(list, "[data-said]").textContent = said;
}

function add(button) {
  const list = button.closest("[data-list]");
  const rows = own(list, "[data-rows]");
  const row = own(list, "template").content.firstElementChild.cloneNode(true);
  const from = row.dataset.row;
  const to = from.slice(0, from.lastIndexOf(NUMBER)) + (lastNumber(rows) + 1);
  rename(row, [[from, to], [anchor(from), anchor(to)]]);
  rows.append(row);
  update(list, `Row ${rows.children.length} was added.`);
  row.querySelector(`${FIELDS}, [data-add]`)?.focus();
}

function remove(button) {
  const row = button.closest("[data-row]");
  const list = row.closest("[data-list]");
  const near = row.nextElementSibling ?? row.previousElementSibling;
  row.remove();
  update(list, "The row was removed.");
  (near?.querySelector(FIELDS) ?? own(list, "[data-add]")).focus();
}

// what was typed in an alternative stays, should somebody come back to it
const left = new WeakMap();

function choose(select) {
  const fieldset = select.closest("[data-alternatives]");
  const place = own(fieldset, "[data-chosen]");
  const known = left.get(fieldset) ?? new Map();
  left.set(fieldset, known);
  known.set(select.dataset.chosen ?? initial(select), [...place.childNodes]);
  select.dataset.chosen = select.value;
  const template = Array.from(fieldset.children).find(
    (each) => each.dataset.alternative === select.value);
  const fresh = template?.content.cloneNode(true).childNodes ?? [];
  place.replaceChildren(...(known.get(select.value) ?? fresh));
}

/** The value that was chosen when the page was shown. */
function initial(select) {
  const chosen = Array.from(select.options).find((option) => option.defaultSelected);
  return (chosen ?? select.options[0]).value;
}

function clicked(event) {
  const button = event.target.closest("button");
  const act = button?.hasAttribute("data-add") ? add : button?.hasAttribute("data-remove") && remove;
  if (!act) return;
  event.preventDefault();
  act(button);
}

for (const form of document.querySelectorAll("form[data-form]")) {
  form.addEventListener("click", clicked);
  form.addEventListener("change", (event) => {
    if (event.target.hasAttribute("data-switch")) choose(event.target);
  });
  // the button "Use" is for browsers without scripts
  form.classList.add("form-scripted");
}

