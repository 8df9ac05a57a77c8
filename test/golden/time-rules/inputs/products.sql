SELECT * FROM (VALUES (1, 'acme', 7), (2, NULL, NULL)) AS t(product_id, brand, maker_id)
