// Shows the frame that a slider stands at. All frames are drawings in SVG; a narrow page takes the narrow ones.
window.workbookSlider = function (id, slider) {
  var box = document.getElementById(id);
  if (!box) return;
  var input = box.querySelector("input"), words = box.querySelector("output"), image = box.querySelector("img"), source = box.querySelector("source");
  if (source) source.remove();
  function show() {
    var frame = Number(input.value), narrow = box.clientWidth > 0 && box.clientWidth < 0.9 * slider.width;
    image.src = "data:image/svg+xml," + encodeURIComponent((narrow ? slider.narrow : slider.frames)[frame]);
    words.textContent = slider.values[frame];
    input.setAttribute("aria-valuetext", slider.values[frame]);
  }
  input.addEventListener("input", show);
  // A page that keeps the state of its forms may have moved the slider.
  input.value = slider.chosen;
  show();
  if (window.ResizeObserver) new ResizeObserver(show).observe(box);
};
