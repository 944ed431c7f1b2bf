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

  // --- Runs: one that is chosen comes into view, however long the list is.

  const WIDE = 900;
  let chosen = "";
  let chooseRun = () => {};

  const showRun = async () => {
    const page = document.getElementById("run-page");
    // The first run that is chosen has its page yet to be shown.
    for (let tries = 0; tries < 40 && !page?.offsetParent; tries += 1) await wait(50);
    if (!page) return;
    const { top } = page.getBoundingClientRect();
    const isInView = top >= 0 && top < window.innerHeight / 2;
    if (window.innerWidth < WIDE || !isInView) page.scrollIntoView({ behavior: "smooth" });
  };

  const chooseRuns = (element, tell) => {
    chooseRun = (id) => {
      chosen = id;
      tell();
    };
    element.addEventListener("click", (event) => {
      const row = event.target.closest("[data-run]");
      if (!row || event.metaKey || event.ctrlKey || event.shiftKey) return;
      event.preventDefault();
      chooseRun(row.dataset.run);
      showRun();
    });
  };

  // --- Addresses: each tab and each run has one, for a reload, for Back and for a link.

  const TABS = ["train", "runs", "account", "guide"];
  // Where Back and Forward lead, while the page is on its way there.
  let goal = null;

  const asked = () => {
    const { searchParams } = new URL(window.location.href);
    const run = searchParams.get("run") || "";
    const tab = TABS.find((name) => name === searchParams.get("tab"));
    return { run, tab: tab || (run ? "runs" : "train") };
  };

  const askedPlace = () => [asked().run, asked().tab];

  const tabButtons = () => [...document.querySelectorAll('#tabs button[role="tab"]')];

  const nameOf = (button) => button?.textContent.trim().toLowerCase();

  const shownPlace = (run) => {
    const selected = tabButtons().find((each) => each.getAttribute("aria-selected") === "true");
    const tab = TABS.find((name) => name === nameOf(selected)) || "train";
    return { run: tab === "runs" ? run : "", tab };
  };

  const isSame = (one, other) => one.run === other.run && one.tab === other.tab;

  const showAddress = async (run) => {
    await wait(50);
    const place = shownPlace(run);
    if (goal !== null) {
      if (isSame(place, goal)) goal = null;
      return;
    }
    if (isSame(place, asked())) return;
    const address = new URL(window.location.href);
    address.searchParams.delete("run");
    address.searchParams.delete("tab");
    if (place.run) address.searchParams.set("run", place.run);
    else if (place.tab !== "train") address.searchParams.set("tab", place.tab);
    window.history.pushState(null, "", address);
    tellParent();
  };

  // On a Space the address that people see belongs to the page around this one.
  const tellParent = () => {
    if (window.parent === window) return;
    const queryString = window.location.search.slice(1);
    window.parent.postMessage({ queryString }, "https://huggingface.co");
  };

  const travel = async () => {
    const place = asked();
    goal = place;
    tellParent();
    if (place.tab === "runs") chooseRun(place.run);
    tabButtons().find((each) => nameOf(each) === place.tab)?.click();
    // Where it leads nowhere new, no event says so.
    await wait(1000);
    if (goal === place) goal = null;
  };

  window.addEventListener("popstate", travel);

  // --- Menus: Gradio 6.31 opens one again that Tab has just left.

  window.addEventListener("keydown", (event) => {
    if (event.key === "Tab" && event.target.matches?.("input[role=combobox]")) {
      event.stopPropagation();
    }
  }, true);

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
    askedPlace, chooseRuns, chosenRun: () => chosen, download, followPointer, followProblems,
    showAddress, showEnd,
  };
})();
