// Shows the copy buttons, which need a script to do anything.
const status = document.getElementById("status");

function say(button, word, sentence) {
  button.textContent = word;
  status.textContent = sentence;
  setTimeout(() => {
    button.textContent = "Copy";
    status.textContent = "";
  }, 2000);
}

function copy(button) {
  navigator.clipboard.writeText(button.dataset.copy).then(
    () => say(button, "Copied", "Copied to the clipboard"),
    () => say(button, "Failed", "The browser did not let it be copied"),
  );
}

// Without https, and not on the same machine, a browser has no clipboard for pages.
if (navigator.clipboard !== undefined) {
  for (const button of document.querySelectorAll("button[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", () => copy(button));
  }
}
