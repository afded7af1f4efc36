// The search: type, arrows, Enter. "/" goes there from anywhere.
const box = document.getElementById("search");
const list = document.getElementById("found");
const shown = () => [...list.querySelectorAll("a")];

box.addEventListener("input", () => {
  const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
  const rank = ([name]) => (name.toLowerCase().split(".").pop().startsWith(words[0]) ? 0 : 1);
  const hits = words.length === 0 ? [] : OBJECTS
    .filter(([name, kind, , comment]) => words.every((word) => `${name} ${kind} ${comment}`.toLowerCase().includes(word)))
    .sort((one, other) => rank(one) - rank(other) || one[0].length - other[0].length)
    .slice(0, 12);
  list.replaceChildren(...hits.map(([name, kind, href, comment]) => {
    const item = document.createElement("li");
    const link = document.createElement("a");
    const what = document.createElement("small");
    link.href = href;
    link.append(name, what);
    what.append(` ${kind}: ${comment}`);
    item.append(link);
    return item;
  }));
  list.hidden = words.length === 0;
  if (words.length > 0 && hits.length === 0) {
    list.innerHTML = "<li class='none'>nothing has these words</li>";
  }
});

document.addEventListener("keydown", (event) => {
  const isTyping = /^(INPUT|TEXTAREA)$/.test(document.activeElement.tagName);
  if (event.key === "/" && !isTyping) {
    event.preventDefault();
    box.focus();
  } else if (event.key === "Escape") {
    list.hidden = true;
    box.blur();
  } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && !list.hidden) {
    const links = shown();
    const at = links.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1);
    event.preventDefault();
    (links[at] ?? (at < 0 ? box : links[links.length - 1]))?.focus();
  } else if (event.key === "Enter" && document.activeElement === box && shown().length > 0) {
    location.href = shown()[0].href;
  }
});
list.addEventListener("click", () => { list.hidden = true; });
