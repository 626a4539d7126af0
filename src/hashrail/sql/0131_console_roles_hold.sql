-- Every operator has one of the console's roles, as every one of the older ones is.
-- depends: 0130_console

ALTER TABLE operator_account VALIDATE CONSTRAINT operator_account_role_check;
