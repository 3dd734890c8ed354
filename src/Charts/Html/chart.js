// Draws a figure with plotly.js into the element of this id, over its static picture. A figure is {data, layout, narrow}: narrow has the
// layout for a narrow page and, for each trace, the members that differ there. A chart that is drawn again under the same live name takes the
// drawing that the page has just dropped and renews it in place. Charts.ChartHtml replaces COLOURS by pairs [light, dark].
window.workbookChart = function (id, figure, live) {
  var kept = window.workbookLive = window.workbookLive || {};
  if (!document.getElementById("wb-style")) {
    var style = document.createElement("style");
    style.id = "wb-style";
    style.textContent = "@media screen{.wb-drawn>picture{display:none}}@media print{.wb-drawn>.wb-live{display:none}}.wb-live{max-width:100%;overflow-x:auto;overflow-y:hidden}";
    document.head.appendChild(style);
  }
  var drawn = "";
  function draw(tries) {
    var box = document.getElementById(id);
    if (!box) return;
    if (!window.Plotly || !box.clientWidth) {
      if (tries > 0) setTimeout(draw, 250, tries - 1);
      return;
    }
    box.style.color = "light-dark(rgb(0, 0, 0), rgb(255, 255, 255))";
    var dark = getComputedStyle(box).color === "rgb(255, 255, 255)";
    box.style.color = "";
    var narrow = box.clientWidth < 0.9 * figure.layout.width;
    if (drawn === dark + " " + narrow) return;
    drawn = dark + " " + narrow;
    var text = JSON.stringify(narrow ? {
      data: figure.data.map(function (trace, i) { return Object.assign({}, trace, figure.narrow.data[i]); }),
      layout: figure.narrow.layout
    } : { data: figure.data, layout: figure.layout });
    if (dark) COLOURS.forEach(function (pair) { text = text.split(pair[0]).join(pair[1]); });
    var shown = JSON.parse(text);
    var div = box.querySelector(".wb-live") || (live && kept[live] && !kept[live].isConnected ? kept[live] : document.createElement("div"));
    div.className += div.className.indexOf("wb-live") < 0 ? " wb-live" : "";
    box.appendChild(div);
    if (live) kept[live] = div;
    // On a touch screen a drag scrolls the page; there is no pointer to hover with.
    var touch = window.matchMedia && matchMedia("(hover: none)").matches;
    if (touch) shown.layout.dragmode = false;
    Plotly.react(div, shown.data, shown.layout, { displaylogo: false, displayModeBar: touch ? false : "hover", modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"] });
    box.classList.add("wb-drawn");
  }
  draw(40);
  var box = document.getElementById(id);
  if (window.ResizeObserver && box) new ResizeObserver(function () { draw(0); }).observe(box);
  if (window.matchMedia) matchMedia("(prefers-color-scheme: dark)").addEventListener("change", function () { draw(0); });
};
