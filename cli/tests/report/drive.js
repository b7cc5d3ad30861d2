// Drives the report's page as a person would, and leaves what was seen in the element `driven`.
"use strict";
{
  const cells = (column) => [...document.querySelectorAll("#layers tbody tr")].map((row) => row.cells[column].textContent);
  const column = (title) => [...document.querySelectorAll("#layers th")].findIndex((head) => head.textContent === title);
  const press = (title) => document.querySelectorAll("#layers th button")[column(title)].click();
  const order = () => [...document.querySelectorAll("#layers tbody tr")].map((row) => Number(row.dataset.place));
  const background = () => getComputedStyle(document.body).backgroundColor;
  const seen = { rows: order(), tiles: document.querySelectorAll(".tile").length };
  press("MACs");
  seen.rising = order();
  press("MACs");
  seen.falling = order();
  const filter = document.getElementById("filter");
  filter.value = "MatMul";
  filter.dispatchEvent(new Event("input"));
  seen.filtered = cells(column("Ops"));
  filter.value = "";
  filter.dispatchEvent(new Event("input"));
  const nodes = [...document.querySelectorAll("#flow .node")];
  seen.flow = nodes.map((node) => node.getAttribute("class").split(" ")[1]);
  nodes[1].dispatchEvent(new MouseEvent("click", { bubbles: true }));
  seen.selected = document.querySelector("#detail h2").textContent;
  seen.rowSelected = document.querySelector("#layers tr.selected")?.dataset.place;
  seen.bins = document.querySelectorAll("#detail svg .bin").length;
  seen.thresholds = document.querySelectorAll("#detail svg .threshold").length;
  seen.curve = document.querySelectorAll("#chart circle").length;
  seen.bars = document.querySelectorAll("#chart .bar").length;
  document.getElementById("theme").click();
  const one = background();
  document.getElementById("theme").click();
  seen.themes = [one, background()];
  const made = document.createElement("pre");
  made.id = "driven";
  made.textContent = JSON.stringify(seen);
  document.body.append(made);
}
