// Sorts a table by the heading that is clicked: first down for numbers, up for words, then the other way. Empty cells stay last.
window.workbookSort = window.workbookSort || function (heading) {
  var table = heading.closest("table"), body = table.tBodies[0], column = heading.cellIndex, number = heading.dataset.kind === "number";
  var up = heading.getAttribute("aria-sort") ? heading.getAttribute("aria-sort") === "descending" : !number;
  Array.from(heading.parentNode.cells).forEach(function (cell) { cell.removeAttribute("aria-sort"); });
  heading.setAttribute("aria-sort", up ? "ascending" : "descending");
  var value = function (row) {
    var cell = row.cells[column], text = number ? cell.dataset.value : cell.textContent;
    return text === undefined || text === "" ? null : number ? Number(text) : text;
  };
  Array.from(body.rows).map(function (row) { return [row, value(row)]; }).sort(function (a, b) {
    if (a[1] === null || b[1] === null) return (a[1] === null) - (b[1] === null);
    var order = number ? a[1] - b[1] : a[1].localeCompare(b[1], undefined, { numeric: true });
    return up ? order : -order;
  }).forEach(function (pair) { body.appendChild(pair[0]); });
};
