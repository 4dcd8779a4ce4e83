// Puts the focus on what a page has to say first, such as why a form was refused.

document.querySelector("[data-focus]")?.focus();
