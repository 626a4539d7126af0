-- How the days of a sandbox go on.
-- depends: 0108_liabilities

-- Of the days to come, where nobody says otherwise for some of them; without a row they are steady.
CREATE TABLE sandbox_days (
    id integer PRIMARY KEY CHECK (id = 1),
    scenario text NOT NULL CHECK (scenario IN ('steady', 'growth', 'halving', 'crash'))
);
