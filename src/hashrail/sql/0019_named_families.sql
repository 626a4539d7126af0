-- A session family is named by 128 random bits beside its number, for the number outlives the database that gave it:
-- restored from a backup, it gives the same one to somebody else.
-- depends: 0018_values_of_actions

-- NULL where a program that does not know the column opened the family.
ALTER TABLE refresh_family ADD COLUMN name text;
