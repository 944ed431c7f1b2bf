// Where one is: the run that is shown, and an address for each tab and each run.
(() => {
  "use strict";

  const { wait } = window.smolfactory;

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
      showAddress(row.dataset.run);
      showRun();
    });
  };

  // --- Fixes: other settings for a run that had trouble.

  let fix = "";

  const chooseFixes = (element, tell) => {
    element.addEventListener("click", (event) => {
      const button = event.target.closest("[data-fix]");
      if (!button) return;
      fix = button.dataset.fix;
      tell();
    });
  };

  // --- Addresses: each tab and each run has one, for a reload, for Back and for a link.

  const TABS = ["train", "runs", "account", "guide"];
  // Where Back and Forward lead, while the page is on its way there. Its tab and its run change one
  // after the other, and what is shown between is no place of its own.
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
    window.parent.postMessage({ queryString }, window.smolfactory.hub);
  };

  const travel = () => {
    goal = asked();
    tellParent();
    if (goal.tab === "runs") chooseRun(goal.run);
    tabButtons().find((each) => nameOf(each) === goal.tab)?.click();
  };

  window.addEventListener("popstate", travel);
  // Whoever goes on by themselves is no longer on the way.
  for (const kind of ["pointerdown", "keydown"]) {
    window.addEventListener(kind, () => { goal = null; }, true);
  }

  Object.assign(window.smolfactory, {
    askedPlace, chooseFixes, chooseRuns, chosenFix: () => fix, chosenRun: () => chosen, showAddress,
  });
})();
