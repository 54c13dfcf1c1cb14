// Shows the copy buttons, which need a script to do anything.
const status = document.getElementById("status");
for (const button of document.querySelectorAll("button[data-copy]")) {
  if (navigator.clipboard === undefined) break;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const say = (word, sentence) => {
      button.textContent = word;
      status.textContent = sentence;
      setTimeout(() => {
        button.textContent = "Copy";
        status.textContent = "";
      }, 2000);
    };
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      say("Copied", "Copied to the clipboard");
    } catch {
      say("Failed", "The browser did not let it be copied");
    }
  });
}
