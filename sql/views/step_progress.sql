-- How far each step is, by day: conversations that it processed, rows that it made, and when it last did something.
SELECT
    step,
    day,
    COUNT(*) AS conversations,
    SUM(rows) AS rows_made,
    MAX(processed_at) AS last_processed_at
FROM step_states
GROUP BY step, day
