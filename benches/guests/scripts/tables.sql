-- Trees of pages, sorting and strings.
CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT, c REAL);
WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 4000)
INSERT INTO t SELECT n, 'name ' || (n * 7919 % 1009), n * 0.5 FROM s;
CREATE INDEX i ON t(b);
SELECT b, count(*) AS k, sum(c) AS s FROM t WHERE b LIKE '%9' GROUP BY b ORDER BY s DESC, b LIMIT 2;
DROP TABLE t
