SELECT * FROM (VALUES (7, 'NL'), (8, 'FR')) AS t(maker_id, country)
