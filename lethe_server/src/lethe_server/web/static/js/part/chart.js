// A chart of columns, stacked by group. It is drawn as SVG with attributes and classes alone, and
// answers to the pointer and to the keys: arrows go from column to column, Enter opens one.

import { go } from "../address.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "../ui.js";

const HEIGHT = 220;
const FOOT = 24;
const LEFT = 48;
const RIGHT = 14;
const LINES = 4;

/**
 * @param {string} title
 * @param {Array<string>} labels of the groups
 * @param {Array<{key, values, address}>} columns `key` is a date, `values` as many as labels
 * @param {(value) => string} show a value as people read it
 */
export function Chart({ title, labels, columns, show }) {
  const box = useRef(null);
  const [width, setWidth] = useState(800);
  const [at, setAt] = useState(-1);
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidth(Math.max(280, entry.contentRect.width)));
    observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  useLayoutEffect(() => setAt(-1), [columns.length, title]); // at once, not behind the first key
  const sums = columns.map(({ values }) => values.reduce((sum, value) => sum + value, 0));
  const years = columns.length > 0 && columns[0].key.slice(0, 4) !== columns.at(-1).key.slice(0, 4);
  const top = roundUp(Math.max(...sums, 0));
  const step = (width - LEFT - RIGHT) / Math.max(columns.length, 1);
  const bar = Math.max(1, Math.min(step - (step > 6 ? 3 : 1), 44));
  const place = (index) => LEFT + index * step + (step - bar) / 2;
  // The label of the last column must not be cut off by the edge.
  const isEnd = (index) => place(index) + bar / 2 + (years ? 30 : 20) > width;
  const scale = (value) => (top ? (value / top) * (HEIGHT - 8) : 0);
  const press = (event) => {
    const moves = { ArrowLeft: at < 0 ? columns.length - 1 : at - 1, ArrowRight: at + 1, Home: 0, End: columns.length - 1 };
    if (Object.hasOwn(moves, event.key)) {
      event.preventDefault();
      setAt(Math.max(0, Math.min(columns.length - 1, moves[event.key])));
    } else if (event.key === "Enter" && columns[at]) {
      event.preventDefault();
      go(columns[at].address);
    } else if (event.key === "Escape") {
      setAt(-1);
    }
  };
  const point = (event) => {
    const index = Math.floor((event.clientX - box.current.getBoundingClientRect().left - LEFT) / step);
    setAt(index >= 0 && index < columns.length ? index : -1);
  };
  const every = Math.max(1, Math.ceil((years ? 80 : 64) / step));
  return html`<figure class="chart">
    <figcaption>
      <span class="chart-title">${title}</span>
      <span class="legend">${labels.map((label, index) => html`<span key=${label}><span class="tool-dot" data-hue=${Math.min(index, 7)}></span>${label}</span>`)}</span>
    </figcaption>
    <div
      class="chart-field"
      ref=${box}
      tabindex="0"
      role="group"
      aria-label=${`${title}. Arrow keys go from column to column, Enter shows its sessions.`}
      onKeyDown=${press}
      onPointerMove=${point}
      onPointerLeave=${() => setAt(-1)}
      onClick=${() => columns[at] && go(columns[at].address)}
    >
      <svg width=${width} height=${HEIGHT + FOOT} viewBox=${`0 0 ${width} ${HEIGHT + FOOT}`} aria-hidden="true">
        ${Array.from({ length: LINES + 1 }, (_, index) => {
          const y = HEIGHT - scale((top * index) / LINES);
          return html`<g key=${index}>
            <line class="chart-line" x1=${LEFT} x2=${width - RIGHT} y1=${y} y2=${y} />
            <text class="chart-text" x=${LEFT - 8} y=${y + 4} text-anchor="end">${index === 0 ? "0" : show((top * index) / LINES)}</text>
          </g>`;
        })}
        ${columns.map(({ key, values }, index) => {
          let sum = 0;
          return html`<g key=${key} class=${index === at ? "chart-column chart-at" : "chart-column"}>
            ${index === at && html`<rect class="chart-back" x=${LEFT + index * step} y="0" width=${step} height=${HEIGHT} />`}
            ${values.map((value, group) => {
              if (!value) return null;
              sum += value;
              return html`<rect key=${group} data-hue=${Math.min(group, 7)} x=${place(index)} y=${HEIGHT - scale(sum)} width=${bar} height=${Math.max(1, scale(value) - (values.length > 1 ? 0.5 : 0))} />`;
            })}
            ${(columns.length - 1 - index) % every === 0 && html`<text class="chart-text" x=${isEnd(index) ? width : place(index) + bar / 2} y=${HEIGHT + 17} text-anchor=${isEnd(index) ? "end" : "middle"}>${(years ? yearDay : shortDay)(key)}</text>`}
          </g>`;
        })}
      </svg>
    </div>
    <p class="chart-said" role="status">${columns[at] ? html`<${Said} column=${columns[at]} sum=${sums[at]} labels=${labels} show=${show} />` : html`<span class="muted">${sums.length ? `${show(sums.reduce((sum, value) => sum + value, 0))} in all` : ""}</span>`}</p>
  </figure>`;
}

function Said({ column, sum, labels, show }) {
  const parts = labels.map((label, index) => [label, column.values[index], index]).filter(([, value]) => value > 0);
  return html`<strong>${longDay(column.key)}</strong> ${show(sum)}
    ${parts.map(([label, value, index]) => html`<span key=${label} class="chart-part"><span class="tool-dot" data-hue=${Math.min(index, 7)}></span>${label} ${show(value)}</span>`)}`;
}

/** The next number that reads well at the top of an axis. */
function roundUp(value) {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 1.5, 2, 3, 4, 5, 6, 8, 10].map((factor) => factor * power).find((top) => top >= value);
}

const short = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const ofYear = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "2-digit" });
const long = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "long", year: "numeric" });
const shortDay = (key) => short.format(new Date(`${key}T12:00`));
const yearDay = (key) => ofYear.format(new Date(`${key}T12:00`));
const longDay = (key) => long.format(new Date(`${key}T12:00`));
