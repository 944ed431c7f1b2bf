// What the browser itself does on the page: the other scripts add to this.
window.smolfactory = {
  wait: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
};
