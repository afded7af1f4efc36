-- Sample content: a learning path of three tracks with eight lessons. All exercises query the same small shop.
select learn_internal.use_product('sql_platform');

insert into learn.learning_paths (slug, title, description) values
  ('sql-from-zero', 'SQL from Zero', 'From the first SELECT to joins and groups.')
on conflict (slug) do nothing;

insert into learn.tracks (slug, title, description, difficulty, estimated_hours, position) values
  ('select-basics', 'SELECT basics', 'Reading rows and columns.', 'beginner', 1.5, 1),
  ('filtering-and-sorting', 'Filtering and sorting',
    'WHERE, ORDER BY and LIMIT.', 'beginner', 2, 2),
  ('joins-and-groups', 'Joins and groups',
    'Several tables, and sums over them.', 'intermediate', 3, 3)
on conflict (slug) do nothing;

insert into learn.learning_path_tracks (path_id, track_id, position)
select p.id, t.id, t.position
from learn.learning_paths p
join learn.tracks t on t.slug in ('select-basics', 'filtering-and-sorting', 'joins-and-groups')
where p.slug = 'sql-from-zero'
on conflict do nothing;

insert into learn.track_prerequisites (track_id, prerequisite_track_id)
select t.id, p.id
from (values
  ('filtering-and-sorting', 'select-basics'), ('joins-and-groups', 'filtering-and-sorting')
) e(track, prerequisite)
join learn.tracks t on t.slug = e.track
join learn.tracks p on p.slug = e.prerequisite
on conflict do nothing;

insert into learn.lessons (slug, title, lesson_type, content, difficulty, estimated_minutes) values
  ('what-is-a-table', 'What is a table?', 'text',
    '{"body": "Rows, columns and types."}', 'beginner', 5),
  ('choose-columns', 'Choosing columns', 'practice',
    '{"body": "SELECT and FROM."}', 'beginner', 10),
  ('rename-columns', 'Naming what you select', 'practice',
    '{"body": "AS and expressions."}', 'beginner', 10),
  ('where', 'Filtering with WHERE', 'practice',
    '{"body": "Comparisons, AND and OR."}', 'beginner', 15),
  ('order-and-limit', 'Sorting and the first rows', 'practice',
    '{"body": "ORDER BY and LIMIT."}', 'beginner', 15),
  ('nulls', 'When a value is missing', 'practice',
    '{"body": "NULL, IS NULL and COALESCE."}', 'beginner', 15),
  ('inner-join', 'Joining two tables', 'practice', '{"body": "INNER JOIN."}', 'intermediate', 20),
  ('group-by', 'Counting and adding up', 'practice',
    '{"body": "GROUP BY and HAVING."}', 'intermediate', 25)
on conflict (slug) do nothing;

insert into learn.track_lessons (track_id, lesson_id, position)
select t.id, l.id, e.position
from (values
  ('select-basics', 'what-is-a-table', 1), ('select-basics', 'choose-columns', 2),
  ('select-basics', 'rename-columns', 3),
  ('filtering-and-sorting', 'where', 1), ('filtering-and-sorting', 'order-and-limit', 2),
  ('filtering-and-sorting', 'nulls', 3),
  ('joins-and-groups', 'inner-join', 1), ('joins-and-groups', 'group-by', 2)
) e(track, lesson, position)
join learn.tracks t on t.slug = e.track
join learn.lessons l on l.slug = e.lesson
on conflict do nothing;

with shop(schema_sql) as (values (
$$create table products (id integer primary key, name text, price numeric);
create table customers (id integer primary key, name text, email text, city text);
create table orders (id integer primary key, customer_id integer references customers, placed_on date);
create table order_lines (
  order_id integer references orders, product_id integer references products, quantity integer);
insert into products values
  (1, 'notebook', 4), (2, 'pen', 2), (3, 'lamp', 35), (4, 'desk', 180), (5, 'chair', 90), (6, 'shelf', 60);
insert into customers values
  (1, 'Ada', 'ada@example.org', 'London'), (2, 'Linus', null, 'Helsinki'),
  (3, 'Maria', 'maria@example.org', 'Manila'), (4, 'Rui', null, 'Lisbon');
insert into orders values
  (1, 1, '2035-01-05'), (2, 1, '2035-02-11'), (3, 3, '2035-02-12'), (4, 4, '2035-03-01');
insert into order_lines values (1, 2, 10), (1, 1, 5), (2, 4, 1), (3, 3, 2), (4, 1, 3);$$
)), ours(lesson, position, prompt, hints, solution, expected_result) as (values
  ('choose-columns', 1, 'Show the name and the price of every product.',
    '["Name the columns after SELECT, with a comma between them.", "The table comes after FROM: products."]'::jsonb,
    'select name, price from products',
    $${"columns": ["name", "price"], "rows": [["notebook", 4], ["pen", 2], ["lamp", 35], ["desk", 180],
      ["chair", 90], ["shelf", 60]]}$$::jsonb),
  ('choose-columns', 2, 'Show all columns of the table customers.',
    '["One sign stands for all columns.", "It is the asterisk."]', 'select * from customers',
    $${"columns": ["id", "name", "email", "city"], "rows": [[1, "Ada", "ada@example.org", "London"],
      [2, "Linus", null, "Helsinki"], [3, "Maria", "maria@example.org", "Manila"], [4, "Rui", null, "Lisbon"]]}$$),
  ('rename-columns', 1, 'Show every product''s price with 20 % tax as price_with_tax.',
    '["An expression may stand where a column may.", "20 % more is 1.2 times as much.", "AS names it."]',
    'select price * 1.2 as price_with_tax from products',
    '{"columns": ["price_with_tax"], "rows": [[4.8], [2.4], [42.0], [216.0], [108.0], [72.0]]}'),
  ('where', 1, 'Show the products that cost less than 10.',
    '["WHERE keeps the rows for which a condition is true."]', 'select * from products where price < 10',
    '{"columns": ["id", "name", "price"], "rows": [[1, "notebook", 4], [2, "pen", 2]]}'),
  ('where', 2, 'Show the customers from Manila or Lisbon.',
    '["A text stands in single quotes.", "OR joins two whole conditions; IN takes a list."]',
    $$select * from customers where city in ('Manila', 'Lisbon')$$,
    $${"columns": ["id", "name", "email", "city"], "rows": [[3, "Maria", "maria@example.org", "Manila"],
      [4, "Rui", null, "Lisbon"]]}$$),
  ('order-and-limit', 1, 'Show the five most expensive products, dearest first.',
    '["ORDER BY comes before LIMIT.", "DESC turns the order round."]',
    'select * from products order by price desc limit 5',
    $${"columns": ["id", "name", "price"], "is_ordered": true, "rows": [[4, "desk", 180], [5, "chair", 90],
      [6, "shelf", 60], [3, "lamp", 35], [1, "notebook", 4]]}$$),
  ('nulls', 1, 'Show the customers without an email address.',
    '["Nothing equals NULL, not even NULL.", "There is a test of its own: IS NULL."]',
    'select * from customers where email is null',
    '{"columns": ["id", "name", "email", "city"], "rows": [[2, "Linus", null, "Helsinki"], [4, "Rui", null, "Lisbon"]]}'),
  ('inner-join', 1, 'Show every order with the name of its customer.',
    '["orders.customer_id is the id of a customer.", "JOIN … ON says which rows belong together."]',
    'select o.id, c.name from orders o join customers c on c.id = o.customer_id',
    '{"columns": ["id", "name"], "rows": [[1, "Ada"], [2, "Ada"], [3, "Maria"], [4, "Rui"]]}'),
  ('inner-join', 2, 'Show every order line with the name of its product.',
    '["It is the same as before, with two other tables."]',
    'select l.order_id, p.name, l.quantity from order_lines l join products p on p.id = l.product_id',
    $${"columns": ["order_id", "name", "quantity"], "rows": [[1, "pen", 10], [1, "notebook", 5], [2, "desk", 1],
      [3, "lamp", 2], [4, "notebook", 3]]}$$),
  ('group-by', 1, 'Show how many orders each customer has placed.',
    '["count(*) counts the rows of a group.", "A customer without orders has a row, too: LEFT JOIN, count(o.id)."]',
    $$select c.name, count(o.id) as orders
from customers c left join orders o on o.customer_id = c.id
group by c.id, c.name$$,
    '{"columns": ["name", "orders"], "rows": [["Ada", 2], ["Linus", 0], ["Maria", 1], ["Rui", 1]]}'),
  ('group-by', 2, 'Show the customers who have spent more than 100.',
    '["What was spent is sum(quantity * price).", "HAVING is the WHERE of groups."]',
    $$select c.name, sum(l.quantity * p.price) as spent
from customers c
join orders o on o.customer_id = c.id
join order_lines l on l.order_id = o.id
join products p on p.id = l.product_id
group by c.id, c.name
having sum(l.quantity * p.price) > 100$$,
    '{"columns": ["name", "spent"], "rows": [["Ada", 220]]}')
)
insert into learn.exercises (lesson_id, position, prompt, schema_sql, solution, expected_result, hints)
select l.id, e.position, e.prompt, s.schema_sql, e.solution, e.expected_result, e.hints
from ours e
cross join shop s
join learn.lessons l on l.slug = e.lesson
where not exists (
  select from learn.exercises x where x.lesson_id = l.id and x.position = e.position)
order by l.id, e.position;
