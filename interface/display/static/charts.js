// Charts, and the end of a log.
(() => {
  "use strict";

  const { wait } = window.smolfactory;

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

  Object.assign(window.smolfactory, {
    followPointer, showEnd,
  });
})();
