-- What nobody had to approve is below the thresholds that it was held against.
-- depends: 0061_sums_that_were_asked

ALTER TABLE withdrawal VALIDATE CONSTRAINT withdrawal_below_thresholds;
