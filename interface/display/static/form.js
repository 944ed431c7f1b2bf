// The form: messages at its fields, how it is saved, what was looked at before a change.
(() => {
  "use strict";

  const { wait } = window.smolfactory;

  // --- Problems: each is shown at its field as well as in the list beside Start.

  const clearFields = () => {
    document.querySelectorAll(".field-error").forEach((node) => node.remove());
    document.querySelectorAll(".at-fault").forEach((node) => node.classList.remove("at-fault"));
  };

  const markField = (id, message) => {
    const field = document.getElementById(id);
    if (!field || field.classList.contains("at-fault")) return;
    const note = document.createElement("p");
    note.className = "field-error";
    note.textContent = message;
    field.classList.add("at-fault");
    field.append(note);
  };

  // What was dropped on a field that takes no such file, until something is changed.
  let refused = null;

  // Those of the settings first, then those of the data.
  const markFields = () => {
    clearFields();
    if (refused) markField(refused.id, refused.message);
    document.querySelectorAll(".before [data-field]").forEach((item) => {
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

  const reveal = async ({ field: id, fold }) => {
    if (fold && !isShown(id)) {
      await unfold(fold, id);
      markFields();
    }
    const field = document.getElementById(id);
    if (!field) return;
    field.scrollIntoView({ behavior: "smooth", block: "center" });
    // A menu that is focused drops open, over the very message.
    field.querySelector("input:not([role=combobox]), textarea")?.focus({ preventScroll: true });
  };

  const followProblems = (element, watch) => {
    element.addEventListener("click", (event) => {
      const item = event.target.closest("[data-field]");
      if (item) reveal(item.dataset);
    });
    watch("value", () => {
      markFields();
      const first = element.querySelector("[data-reveal] [data-field]");
      if (first) reveal(first.dataset);
    });
  };

  // --- The form: saved by this tab; of a file, where the server has it.

  const FORM = "smolfactory-form";

  const storage = () => {
    try {
      return window.sessionStorage;
    } catch {
      // A browser that blocks third parties refuses it inside a Space's frame.
      return null;
    }
  };

  // One word for all changes of a moment, which are told of together.
  const TOGETHER_MS = 50;
  let word = null;

  const soon = () => {
    word ??= wait(TOGETHER_MS).then(() => {
      word = null;
      return `${Date.now()} ${Math.random()}`;
    });
    return word;
  };

  const pathsOf = (files) => files.map((file) => file?.path).filter(Boolean);

  const saveForm = (names, values) => {
    const kept = values.map((value) => (Array.isArray(value) ? pathsOf(value) : value));
    const saved = Object.fromEntries(names.map((name, place) => [name, kept[place]]));
    try {
      storage()?.setItem(FORM, JSON.stringify(saved));
    } catch {
      // No room: what was saved before would be put back as if it were this.
      storage()?.removeItem(FORM);
    }
  };

  const savedForm = () => {
    try {
      const saved = JSON.parse(storage()?.getItem(FORM) ?? null);
      if (saved) hold();
      return saved;
    } catch {
      // What is no form was not saved by us: the page opens with the defaults.
      return null;
    }
  };

  // --- Filling: a form that is about to be filled takes no changes, which would be undone at once.
  // The presets do: the last that was chosen is the one that fills it.

  const setInert = (yes) => {
    document.querySelectorAll(".form-column > :not(.presets)").forEach((part) => {
      part.inert = yes;
    });
  };

  const hold = (...values) => {
    setInert(true);
    return values;
  };

  const release = () => setInert(false);

  // Menus take seconds to fill: what was found to be no choice may no longer be what is chosen.
  const correct = (found, ...values) => values.map((value, place) => {
    const wrong = found?.[place];
    return wrong && (value ?? "") === (wrong.seen ?? "") ? wrong.instead : undefined;
  });

  // --- The data: what is shown of it is out of date until a look that began later is shown.

  let look = "";
  let lookBefore = "";

  const markStale = () => {
    lookBefore = look;
    document.getElementById("data-panel")?.classList.add("stale");
  };

  const lookShown = (text) => {
    const [number, isShown] = text.split(" ");
    look = number;
    if (isShown && number !== lookBefore) {
      document.getElementById("data-panel")?.classList.remove("stale");
    }
  };

  // The browser's own events: Gradio's come a second later on a busy machine.
  document.addEventListener("input", (event) => {
    if (event.target.closest?.(".looked-at")) markStale();
  });
  document.addEventListener("mousedown", (event) => {
    if (event.target.closest?.(".looked-at [role=option]:not([aria-selected=true])")) markStale();
  });

  // --- Menus. Gradio 6.31 opens one again that Tab has just left; and Enter chooses the first option
  // that has the text in it, also where there is no text, or where another option is just that text.

  const MOVES = ["ArrowUp", "ArrowDown", "Home", "End"];
  let moved = false;

  const isWhole = (text) => text === "" || [...document.querySelectorAll("[role=option]")].some(
    (option) => option.getAttribute("aria-label") === text,
  );

  window.addEventListener("keydown", (event) => {
    if (!event.target.matches?.("input[role=combobox]")) return;
    const isTaken = event.key === "Enter" && !moved && isWhole(event.target.value);
    moved = MOVES.includes(event.key);
    if (isTaken) event.target.blur();
    if (isTaken || event.key === "Tab") event.stopPropagation();
  }, true);

  // --- Files.

  // Gradio 6.31 says in a passing toast alone that a field takes no such file.
  document.addEventListener("drop", (event) => {
    const field = event.target.closest?.(".field");
    const types = field?.querySelector("input[type=file]")?.accept.split(",").filter(Boolean) ?? [];
    const wrong = [...(event.dataTransfer?.files ?? [])].find(
      ({ name }) => types.length && !types.some((type) => name.toLowerCase().endsWith(type.trim())),
    );
    const message = wrong && `${wrong.name} can't be read here: choose ${types.join(", ")}.`;
    refused = wrong ? { id: field.id, message } : null;
    markFields();
  }, true);

  for (const edit of ["input", "change"]) {
    document.addEventListener(edit, () => { refused = null; }, true);
  }

  const download = (name, text) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "application/yaml" }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };

  Object.assign(window.smolfactory, {
    correct, download, followProblems, hold, lookShown, release, saveForm, savedForm, soon,
  });
})();
