// What the browser itself does on the page: messages at their fields, addresses, charts' values.
window.smolfactory = (() => {
  "use strict";

  const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

  // --- Problems: each is shown at its field as well as in the list beside Start.

  const clearFields = () => {
    document.querySelectorAll(".field-error").forEach((node) => node.remove());
    document.querySelectorAll(".at-fault").forEach((node) => node.classList.remove("at-fault"));
  };

  const markField = (id, message) => {
    const field = document.getElementById(id);
    if (!field) return;
    const note = document.createElement("p");
    note.className = "field-error";
    note.textContent = message;
    field.classList.add("at-fault");
    field.append(note);
  };

  const markFields = (element) => {
    clearFields();
    element.querySelectorAll("[data-field]").forEach((item) => {
      markField(item.dataset.field, item.dataset.message);
    });
  };

  const isShown = (id) => {
    const field = document.getElementById(id);
    return Boolean(field && field.offsetParent);
  };

  // What is folded away is not drawn before it is opened, the outer fold first.
  const unfold = async (fold, id) => {
    for (const outer of ["advanced", fold]) {
      for (let tries = 0; tries < 40 && !document.getElementById(outer)?.offsetParent; tries += 1) {
        await wait(50);
      }
      document.querySelector(`#${outer} > button:not(.open)`)?.click();
    }
    for (let tries = 0; tries < 40 && !isShown(id); tries += 1) await wait(50);
  };

  const reveal = async (element, { field: id, fold }) => {
    if (fold && !isShown(id)) {
      await unfold(fold, id);
      markFields(element);
    }
    const field = document.getElementById(id);
    if (!field) return;
    field.scrollIntoView({ behavior: "smooth", block: "center" });
    // A menu that is focused drops open, over the very message.
    field.querySelector("input:not([role=listbox]), textarea")?.focus({ preventScroll: true });
  };

  const followProblems = (element, watch) => {
    element.addEventListener("click", (event) => {
      const item = event.target.closest("[data-field]");
      if (item) reveal(element, item.dataset);
    });
    watch("value", () => {
      markFields(element);
      const first = element.querySelector("[data-reveal] [data-field]");
      if (first) reveal(element, first.dataset);
    });
  };

  // --- Runs: the address names the run that is shown, so that a reload shows it again.

  let chosen = "";

  const chooseRuns = (element, tell) => {
    element.addEventListener("click", (event) => {
      const row = event.target.closest("[data-run]");
      if (!row || event.metaKey || event.ctrlKey || event.shiftKey) return;
      event.preventDefault();
      chosen = row.dataset.run;
      tell();
      if (window.innerWidth < 900) {
        document.getElementById("run-page")?.scrollIntoView({ behavior: "smooth" });
      }
    });
  };

  const askedRun = () => new URLSearchParams(window.location.search).get("run") || "";

  const runsAreShown = () => {
    const tab = document.querySelector('#tabs button[role="tab"][aria-selected="true"]');
    return tab?.textContent.trim() === "Runs";
  };

  const showAddress = async (id) => {
    await wait(50);
    const address = new URL(window.location.href);
    if (id && runsAreShown()) address.searchParams.set("run", id);
    else address.searchParams.delete("run");
    window.history.replaceState(window.history.state, "", address);
    // On a Space the address that people see belongs to the page around this one.
    if (window.parent !== window) {
      window.parent.postMessage(
        { queryString: address.search.slice(1) }, "https://huggingface.co",
      );
    }
  };

  // --- Charts: the values under the pointer, read back from the lines themselves.

  const lines = new WeakMap();

  const pointsOf = (path) => {
    if (!lines.has(path)) {
      const points = path.getAttribute("d").slice(1).split("L");
      lines.set(path, points.map((pair) => pair.split(" ").map(Number)));
    }
    return lines.get(path);
  };

  const nearest = (points, step) => {
    let low = 0;
    let high = points.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (points[middle][0] <= step) low = middle;
      else high = middle;
    }
    return step - points[low][0] < points[high][0] - step ? points[low] : points[high];
  };

  const readable = (value) => {
    const size = Math.abs(value);
    const short = value === 0 || (size >= 0.001 && size < 100000);
    return short ? String(Number(value.toPrecision(4))) : value.toExponential(2);
  };

  const tooltip = (plot) => {
    let tip = plot.querySelector(".tip");
    if (!tip) {
      tip = document.createElement("div");
      tip.className = "tip";
      plot.append(tip);
    }
    return tip;
  };

  const point = (plot, clientX) => {
    const low = Number(plot.dataset.low);
    const high = Number(plot.dataset.high);
    const box = plot.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (clientX - box.left) / box.width));
    const near = [...plot.querySelectorAll("path.line")].map((path) => ({
      label: path.dataset.label,
      at: nearest(pointsOf(path), low + share * (high - low)),
    }));
    if (!near.length) return;
    const step = near[0].at[0];
    const left = (100 * (step - low)) / (high - low);
    const tip = tooltip(plot);
    tip.style.left = `${left}%`;
    tip.classList.toggle("flipped", left > 60);
    const text = document.createElement("div");
    text.textContent = [
      `Step ${step.toLocaleString("en")}`,
      ...near.map(({ label, at: [where, value] }) => {
        const elsewhere = where === step ? "" : ` (step ${where.toLocaleString("en")})`;
        return `${label} ${readable(value)}${elsewhere}`;
      }),
    ].join("\n");
    tip.replaceChildren(text);
  };

  const followPointer = (element) => {
    const away = () => element.querySelectorAll(".tip").forEach((tip) => tip.remove());
    element.addEventListener("pointermove", (event) => {
      const plot = event.target.closest(".plot");
      if (plot) point(plot, event.clientX);
      else away();
    });
    element.addEventListener("pointerleave", away);
  };

  const showEnd = async (id) => {
    await wait(50);
    const text = document.querySelector(`#${id} textarea`);
    if (text) text.scrollTop = text.scrollHeight;
  };

  // --- Files.

  const download = (name, text) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "application/yaml" }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };

  return {
    askedRun, chooseRuns, chosenRun: () => chosen, download, followPointer, followProblems,
    showAddress, showEnd,
  };
})();
