// Draws a chart from the table beside it, which is there for whoever sees no drawing. Colours are the style sheet's, by day and by night.
"use strict";

const night = window.matchMedia("(prefers-color-scheme: dark)");
const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

for (const place of document.querySelectorAll("[data-chart]")) {
  const rows = [...document.querySelectorAll(`#${place.dataset.chart} tbody tr`)].reverse();
  const days = rows.map((row) => row.cells[0].textContent);
  const values = rows.map((row) => (row.cells[1].dataset.value === undefined ? null : Number(row.cells[1].dataset.value)));
  const told = new Map(rows.map((row, at) => [at, row.cells[1].textContent]));
  const sign = place.dataset.percent === undefined ? "" : "%";
  const chart = echarts.init(place, null, { renderer: "canvas" });
  const draw = () => {
    const [ink, faint, grid, surface] = ["--good", "--pico-muted-color", "--pico-muted-border-color", "--surface"].map(colour);
    const words = { color: faint, fontFamily: getComputedStyle(document.body).fontFamily };
    chart.setOption({
      animation: !calm.matches,
      grid: { left: 8, right: 16, top: 16, bottom: 8, outerBoundsMode: "same", containLabel: true },
      tooltip: {
        trigger: "axis", renderMode: "richText", confine: true, backgroundColor: surface, borderColor: grid, textStyle: { ...words, color: colour("--ink") },
        formatter: ([point]) => `${days[point.dataIndex]}\n${told.get(point.dataIndex)}`,
      },
      xAxis: { type: "category", data: days, boundaryGap: false, axisLabel: { ...words, formatter: (day) => day.slice(5) }, axisLine: { lineStyle: { color: grid } }, axisTick: { show: false } },
      yAxis: { type: "value", scale: false, axisLabel: { ...words, formatter: `{value}${sign}` }, splitLine: { lineStyle: { color: grid } } },
      series: [{
        name: place.dataset.name, type: "line", data: values, showSymbol: days.length < 40, symbolSize: 6, lineStyle: { width: 2, color: ink },
        itemStyle: { color: ink }, areaStyle: { color: ink, opacity: 0.08 },
      }],
    });
  };
  draw();
  night.addEventListener("change", draw);
  new ResizeObserver(() => chart.resize()).observe(place);
}
