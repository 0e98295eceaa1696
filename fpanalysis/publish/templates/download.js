/* Below each table, a link that hands over its numbers as CSV. They are read off the cells as a spreadsheet would read
   them (html.py, _read_off); a cell that holds more than it prints carries that in data-v. A column whose head has
   data-i takes three: number, lower and upper end. */
const {l, u} = document.currentScript.dataset;
const number = words => {
  const plain = words.replace(/,/g, "").replace("−", "-");
  if (!/^-?\d+(\.\d+)?%?$/.test(plain)) return words;
  return +(parseFloat(plain) / (plain.endsWith("%") ? 100 : 1)).toPrecision(12);
};
const held = (cell, wide) => {
  const words = cell.textContent.trim().replace(/\[[pr]\]$/, ""), v = cell.dataset.v;
  const parts = v != null ? (wide ? v.split("|") : [v]) : words == "–" ? [] : cell.matches("th,.w") ? [words]
    : (wide && words.match(/^(.*)\s\((.*)–(.*)\)$/)?.slice(1) || [words, words, words]).map(number);
  return (wide ? [0, 1, 2] : [0]).map(n => parts[n] ?? "");
};
const mark = "\x22", quoted = part => /[\x22,\n]/.test(part) ? mark + part.replace(/\x22/g, mark + mark) + mark : part;
const named = cell => cell.firstChild.data.trim() + (cell.querySelector("sup") ? " " + cell.querySelector("sup").textContent : "");
for (const table of document.querySelectorAll(".grid")) {
  const wide = [], names = [], [over, under] = table.tHead.rows, below = [...under?.cells ?? []];
  const add = (cell, group, unit) => {
    const of = cell.querySelector("small")?.textContent ?? unit;
    const name = group + named(cell) + (of && cell.className != "w" ? " (" + of + ")" : "");
    wide.push("i" in cell.dataset);
    names.push(name, ...wide.at(-1) ? [name + " " + l, name + " " + u] : []);
  };
  for (const cell of over.cells) {
    const unit = table.dataset.u, group = named(cell) + " ";
    if (cell.className != "g") add(cell, "", unit);
    else for (const part of below.splice(0, cell.colSpan)) add(part, group, cell.querySelector("small")?.textContent ?? unit);
  }
  const rows = [...table.tBodies[0].rows].map(row => [...row.cells].flatMap((cell, n) => held(cell, wide[n])));
  const place = document.querySelector("template").content.cloneNode(true).firstChild, link = place.firstChild;
  const block = table.closest("[id]");
  link.textContent = link.textContent.replace("{}", block.querySelector(".caption span").textContent);
  link.download = block.id + ".csv";
  link.href = URL.createObjectURL(new Blob(["\ufeff", ...[names, ...rows].map(row => row.map(quoted) + "\n")]));
  table.parentNode.parentNode.append(place);
}
