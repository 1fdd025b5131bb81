// Drives Chromium over the pages that run.sh made; exits 1 with a message when one does not do what it promises.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const work = resolve(process.argv[2]);
const { chromium } = createRequire(join(work, "package.json"))("playwright-core");
const failures = [];
const check = (ok, message) => { if (!ok) failures.push(message); };

function csv(path) {
  const rows = [];
  for (const line of readFileSync(path, "utf8").trim().split("\n")) {
    const fields = [];
    for (const [, quoted, plain] of line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)) fields.push(quoted?.replaceAll('""', '"') ?? plain);
    rows.push(fields);
  }
  const [head, ...body] = rows;
  return body.map((fields) => Object.fromEntries(head.map((name, at) => [name, fields[at]])));
}

const profile = mkdtempSync(join(tmpdir(), "scaletop-browser-"));
const browser = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM, headless: true, args: ["--no-sandbox", "--disable-gpu"], viewport: { width: 1280, height: 900 },
});

async function open(file, scheme) {
  const page = await browser.newPage();
  await page.emulateMedia({ colorScheme: scheme });
  page.on("console", (message) => { if (["error", "warning"].includes(message.type())) failures.push(`${file}: console: ${message.text()}`); });
  page.on("pageerror", (error) => failures.push(`${file}: ${error}`));
  page.on("dialog", (dialog) => { failures.push(`${file}: foreign text ran a script`); dialog.dismiss(); });
  page.on("request", (request) => { if (!/^(file|data):/.test(request.url())) failures.push(`${file} loads ${request.url()}`); });
  await page.goto(pathToFileURL(join(work, file)).href);
  return page;
}

try {
  const page = await open("a/report.html", "light");
  const timeline = csv(join(work, "a/timeline.csv"));
  const steps = csv(join(work, "a/steps.csv"));
  const columns = { target: "target_rps", sent: "sent", ok: "ok", p50: "p50_ms", p99: "p99_ms", oldest: "oldest_in_flight_ms", e429: "err_429",
    e5xx: "err_5xx", dcap: "dropped_cap", responding: "instances_responding", active: "instances_active", needed: "instances_needed", max: "instances_max" };

  const crosses = () => page.$$eval(".chart .cross", (all) => all.map((cross) => Number(cross.getAttribute("x1"))));
  check((await crosses()).every((x) => x < 0), "the crosshair shows before anybody pointed at anything");
  const charts = page.locator("#charts .chart svg[role=\"img\"]");
  check((await charts.count()) === 4, "there are not four charts");
  let compared = 0;
  for (let chart = 0; chart < 4; chart++) {
    for (const share of [0.08, 0.15, 0.31, 0.62, 0.97]) {
      const svg = charts.nth(chart);
      await svg.scrollIntoViewIfNeeded();
      const box = await svg.boundingBox();
      await page.mouse.move(box.x + box.width * share, box.y + box.height / 2);
      const places = await crosses();
      check(places.length === 5 && places.every((x) => x === places[0] && x > 52), `chart ${chart}: the crosshair is not one: ${places}`);
      const second = Number(await page.locator("#readout").getAttribute("data-second"));
      const row = timeline.find((row) => Number(row.elapsed_s) === second);
      check(row, `second ${second} is in the report but not in timeline.csv`);
      for (const [key, shown] of await page.$$eval("[data-v]", (all) => all.map((place) => [place.dataset.v, place.dataset.value]))) {
        const field = row?.[columns[key]];
        if (field === undefined) continue;
        compared++;
        check(shown === field, `second ${second}, ${key}: the report has "${shown}", timeline.csv "${field}"`);
      }
    }
  }
  check(compared > 150, `only ${compared} values were compared`);
  await page.locator("#charts").focus();
  const before = await crosses();
  await page.keyboard.press("ArrowLeft");
  check((await crosses())[0] < before[0], "the arrow key does not move the crosshair");

  for (const step of steps) {
    for (const [key, field] of await page.$$eval(`td[data-step="${step.step}"]`, (all) => all.map((cell) => [cell.dataset.key, cell.dataset.field]))) {
      check(step[key] === field, `step ${step.step}, ${key}: the report has "${field}", steps.csv "${step[key]}"`);
      compared++;
    }
  }
  check((await page.locator("ol.words li").count()) === steps.length, "not every step is there in words");
  check((await page.title()).length > 5, "the page has no title");
  check(!(await page.evaluate(() => "harmed" in window)), "foreign text ran a script");

  const shot = (page, name) => page.screenshot({ path: join(work, name), fullPage: true });
  await shot(page, "report-light.png");
  await page.setViewportSize({ width: 400, height: 800 });
  check(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth + 1), "the page is wider than a phone");
  await shot(page, "report-phone.png");
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.pdf({ path: join(work, "report.pdf"), preferCSSPageSize: true, printBackground: true });
  await page.emulateMedia({ media: "print", colorScheme: "light" });
  await page.setViewportSize({ width: 760, height: 1000 });
  await shot(page, "report-print.png");
  await page.close();

  for (const [file, scheme, name] of [["a/report.html", "dark", "report-dark.png"], ["b/report.html", "light", "report-b.png"],
    ["compare.html", "light", "compare-light.png"], ["compare.html", "dark", "compare-dark.png"]]) {
    const other = await open(file, scheme);
    check(await other.evaluate(() => document.documentElement.scrollWidth <= innerWidth + 1), `${file} is wider than the window`);
    if (file === "compare.html") {
      check((await other.locator("header .summary").count()) === 1, "compare.html says nothing of the other session");
      check(/^A: .+\. B: .+\.$/.test(await other.locator("header .verdicts").textContent()), "compare.html does not say how each session did");
      const drawn = await other.$$eval("section", (all) => all.map((section) => ["s0", "s1"].map((key) => section.querySelectorAll(`path.line.${key}[d^=M]`).length)));
      check(drawn.filter(([a, b]) => a >= 2 && b >= 2).length > 2, `compare.html draws too few curves: ${JSON.stringify(drawn)}`);
    }
    await shot(other, name);
    await other.close();
  }
  if (!failures.length) console.log(`browser test passed: ${compared} values equal those of the CSV files`);
} finally {
  await browser.close();
  rmSync(profile, { recursive: true, force: true });
}
if (failures.length) {
  console.error([...new Set(failures)].slice(0, 30).join("\n"));
  process.exit(1);
}
