-- The loop of the virtual machine.
WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 40000)
SELECT sum(n * n % 7) AS s FROM t
