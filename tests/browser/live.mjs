// Looks on at a session in Chromium: the page goes on by itself, loses nothing of what its reader did, and loads nothing from
// elsewhere; exits 1 with a message when it does not do what it promises. The service is a server of this program.
import { spawn } from "node:child_process";
import { writeFileSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const work = resolve(process.argv[2]);
const scaletop = resolve(process.env.SCALETOP);
const { chromium } = createRequire(join(work, "package.json"))("playwright-core");
const failures = [];
const check = (ok, message) => { if (!ok) failures.push(message); };
const PATIENCE = 60_000;

const service = createServer((request, response) => setTimeout(() => {
  const id = Math.floor(Date.now() / 4000) % 2 ? "one" : "two";
  response.writeHead(Math.random() < 0.05 ? 429 : 200, { "x-instance-id": id }).end("ok");
}, 20 + Math.random() * 40));
await new Promise((ready) => service.listen(0, "127.0.0.1", ready));
const target = `http://127.0.0.1:${service.address().port}/`;

const home = mkdtempSync(join(tmpdir(), "scaletop-live-"));
function plan(seconds) {
  const path = join(home, `plan-${seconds}.toml`);
  writeFileSync(path, `name = "<img src=x onerror='window.harmed=1'> looked on"\n[[stage]]\nrate = 20\nduration = "4s"\n[[stage]]\nname = "more"\nrate = 60\nduration = "${seconds}s"\n`);
  return path;
}
function run(seconds, web, targets = [target]) {
  const child = spawn(scaletop, ["run", plan(seconds), ...targets, "--web", web], { cwd: home, stdio: ["ignore", "ignore", "pipe"] });
  const address = new Promise((found, failed) => {
    let said = "";
    child.stderr.on("data", (some) => {
      said += some;
      const at = said.match(/live page: (http:\/\/\S+)/);
      if (at) found(at[1]);
    });
    child.on("exit", (code) => failed(new Error(`scaletop ended with ${code}: ${said}`)));
  });
  return { child, address };
}

const profile = mkdtempSync(join(tmpdir(), "scaletop-browser-"));
const browser = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM, headless: true, args: ["--no-sandbox", "--disable-gpu"], viewport: { width: 1280, height: 900 },
});
let session = run(3600, "0");
try {
  const address = await session.address;
  const page = await browser.newPage();
  // Once the session is gone the browser says so on the console, as it should.
  let isHere = true;
  const noise = (what) => { if (isHere) failures.push(`console: ${what}`); };
  page.on("console", (message) => { if (["error", "warning"].includes(message.type())) noise(message.text()); });
  page.on("pageerror", (error) => failures.push(`${error}`));
  page.on("dialog", (dialog) => { failures.push("foreign text ran a script"); dialog.dismiss(); });
  page.on("request", (request) => { if (!request.url().startsWith(address) && !request.url().startsWith("data:")) failures.push(`it loads ${request.url()}`); });
  const answer = await page.goto(address);
  check(/default-src 'none'/.test(answer.headers()["content-security-policy"] ?? ""), "there is no policy");
  await page.evaluate(() => { window.untouched = true; });

  const clock = async () => {
    const said = await page.locator("#live").textContent();
    const [, minutes, seconds] = said.match(/^live, (\d+):(\d\d)$/) ?? [];
    return minutes === undefined ? -1 : Number(minutes) * 60 + Number(seconds);
  };
  const later = async (by) => {
    const from = await clock();
    await page.waitForFunction(([from, by]) => {
      const [, m, s] = document.getElementById("live").textContent.match(/^live, (\d+):(\d\d)$/) ?? [];
      return m !== undefined && Number(m) * 60 + Number(s) >= from + by;
    }, [from, by], { timeout: PATIENCE });
  };
  await later(8);

  // The crosshair stays at its second.
  const charts = page.locator("#charts .chart svg[role=\"img\"]");
  check((await charts.count()) >= 4, "there are not four charts");
  const box = await charts.first().boundingBox();
  await page.mouse.move(box.x + box.width * 0.5, box.y + box.height / 2);
  const pointed = () => page.locator("#readout").getAttribute("data-second");
  await page.locator("#charts").focus();
  await page.keyboard.press("ArrowLeft");
  const before = await pointed();
  await later(3);
  check(before !== null && (await pointed()) === before, `the crosshair went from second ${before} to ${await pointed()}`);
  check(await page.evaluate(() => document.body.classList.contains("pointed") && Number(document.querySelector(".cross").getAttribute("x1")) > 52), "the crosshair is gone");
  check(await page.evaluate(() => document.activeElement.id === "charts"), "the keyboard has lost the charts");
  await page.keyboard.press("ArrowLeft");
  check(Number(await pointed()) === Number(before) - 1, "the arrow key does not go on from where it was");
  await page.screenshot({ path: join(work, "live-light.png") });

  // So does what the reader has opened, selected and scrolled to.
  const details = page.locator("[data-part=numbers] details");
  const wasOpen = await details.evaluate((element) => element.open);
  await details.locator("summary").click();
  const heading = page.locator("h2", { hasText: "How it was measured" });
  // The section before it grows as long as there is something uncertain; it is out of sight.
  await page.setViewportSize({ width: 1280, height: 420 });
  await heading.evaluate((element) => scrollBy(0, element.getBoundingClientRect().top - 70));
  const place = () => heading.evaluate((element) => element.getBoundingClientRect().top);
  const top = await place();
  await later(3);
  check(Math.abs((await place()) - top) < 3, `what was looked at moved from ${top} to ${await place()}`);
  await page.setViewportSize({ width: 1280, height: 900 });
  check((await details.evaluate((element) => element.open)) === !wasOpen, "what was opened or closed is as it was before");
  await page.evaluate(() => {
    const words = document.querySelector("[data-part=words] li .what");
    getSelection().selectAllChildren(words);
  });
  const chosen = await page.evaluate(() => getSelection().toString());
  await later(3);
  check(chosen.length > 5 && (await page.evaluate(() => getSelection().toString())) === chosen, "the selection is gone");
  await page.evaluate(() => getSelection().removeAllRanges());

  check(await page.evaluate(() => window.untouched === true), "the page was loaded again");
  check(!(await page.evaluate(() => "harmed" in window)), "foreign text ran a script");
  await page.emulateMedia({ colorScheme: "dark" });
  await page.evaluate(() => scrollTo(0, 0));
  await page.screenshot({ path: join(work, "live-dark.png") });
  await page.setViewportSize({ width: 400, height: 800 });
  check(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth + 1), "the page is wider than a phone");
  await page.setViewportSize({ width: 1280, height: 900 });

  // A session that is gone without a word, and another one on the same address.
  isHere = false;
  session.address.catch(() => {});
  session.child.kill("SIGKILL");
  const says = (text) => page.waitForFunction((text) => document.getElementById("live").textContent.startsWith(text), text, { timeout: PATIENCE });
  await says("connection lost, trying again");
  check((await charts.count()) >= 4 && (await page.locator("ol.words li").count()) >= 1, "what was shown is gone with the connection");
  await page.screenshot({ path: join(work, "live-lost.png") });
  session = run(8, new URL(address).host);
  await session.address;
  await says("live, 0:0");
  session.address.catch(() => {});
  await says("the session has ended at ");
  check(/scaletop report /.test(await page.locator("#live").textContent()), "the end does not say how to go on");
  await page.screenshot({ path: join(work, "live-ended.png") });
  await new Promise((gone) => { if (session.child.exitCode === null) session.child.on("exit", gone); else gone(); });
  await page.waitForTimeout(3_000);
  check(/^the session has ended/.test(await page.locator("#live").textContent()), "the end is forgotten when the connection goes");
  check(await page.evaluate(() => window.untouched === true), "the page was loaded again by the second session");

  // Two targets: the page of one becomes that of both, each chart beside the same one of the other, and goes on with both.
  session = run(3600, new URL(address).host, [target, `${target}other`]);
  await session.address;
  await page.waitForFunction(() => document.getElementById("live").dataset.targets === "2", null, { timeout: PATIENCE });
  await says("live, ");
  await later(10);
  isHere = true;
  await page.evaluate(() => { window.untouched = true; });
  const shown = await page.evaluate(() => ({
    headings: [...document.querySelectorAll("#charts h3.half")].map((heading) => heading.textContent),
    charts: [0, 1].map((half) => [...document.querySelectorAll(`#charts [data-half="${half}"] svg[role="img"]`)].map((chart) => ({
      title: chart.getAttribute("aria-label"),
      top: Math.round(chart.getBoundingClientRect().top),
      scale: [...chart.querySelectorAll("text.tick.y")].map((tick) => tick.textContent).join(" "),
    }))),
    standings: document.querySelectorAll("[data-part=header] .standing").length,
    steps: document.querySelectorAll("[data-part=steps] table.beside tbody tr").length,
  }));
  const [left, right] = shown.charts;
  check(shown.headings.length === 2 && shown.headings[0].startsWith("A ") && shown.headings[1].startsWith("B "), `the targets are named ${shown.headings}`);
  check(left.length >= 4 && left.length === right.length, `${left.length} charts beside ${right.length}`);
  check(left.every((chart, at) => JSON.stringify(chart) === JSON.stringify(right[at])), `not beside each other on one scale: ${JSON.stringify(shown.charts)}`);
  check(shown.standings >= 2, "it does not say how each of them stands");
  check(shown.steps >= 2, "the steps of both are not in one table");
  await page.locator("#charts").focus();
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("End");
  const values = await page.evaluate(() => [0, 1].map((half) => [...document.querySelectorAll(`#charts [data-half="${half}"] [data-v]`)].map((place) => place.dataset.value).join(",")));
  check(values.every((some) => /[0-9]/.test(some)), `the crosshair shows no values of both: ${values}`);
  const drawn = () => page.evaluate(() => [0, 1].map((half) => document.querySelector(`#charts [data-half="${half}"] path`).getAttribute("d")));
  const then = await drawn();
  await later(3);
  check((await drawn()).every((path, at) => path !== then[at]), "not both go on");
  check(await page.evaluate(() => window.untouched === true), "the page of two was loaded again while it went on");
  await page.screenshot({ path: join(work, "live-two.png"), fullPage: true });
  await page.setViewportSize({ width: 400, height: 800 });
  check(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth + 1), "the page of two is wider than a phone");
  isHere = false;
  session.address.catch(() => {});
  if (!failures.length) console.log("browser test of the live page passed");
} finally {
  session.child.kill("SIGKILL");
  await browser.close();
  service.close();
  service.closeAllConnections();
  rmSync(profile, { recursive: true, force: true });
  rmSync(home, { recursive: true, force: true });
}
if (failures.length) {
  console.error([...new Set(failures)].slice(0, 30).join("\n"));
  process.exit(1);
}
