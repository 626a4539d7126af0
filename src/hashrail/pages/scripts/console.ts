// The console and the portal: pages are whole without it. It sorts, filters, follows, listens to keys, and draws.

import { drawOwnIncome } from "./console_chart.ts";
import { startDesk } from "./desk.ts";
import { drawFigures } from "./figure_charts.ts";
import { startPasskeys } from "./passkeys.ts";

startDesk();
startPasskeys();
drawOwnIncome();
drawFigures();
