-- Topics by day: what dashboards draw. One row per space, day, topic, task type and model.
SELECT
    space,
    day,
    topic,
    task_type,
    source_model,
    COUNT(DISTINCT conversation_id) AS conversations,
    SUM(fragments) AS fragments,
    SUM(tokens) AS tokens,
    SUM(complexity * fragments) / SUM(fragments) AS complexity,
    MIN(first_at) AS first_at,
    MAX(last_at) AS last_at
FROM topic_stats
GROUP BY space, day, topic, task_type, source_model
