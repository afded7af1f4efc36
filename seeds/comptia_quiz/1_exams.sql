-- The four CompTIA exams that questions and quizzes are for. Seeding again brings names up to date.
insert into learn.exam_types as e (key, name, description) values
  ('security', 'Security+', 'CompTIA Security+: threats, architecture, operations, governance.'),
  ('network', 'Network+', 'CompTIA Network+: concepts, implementation, operations, security.'),
  ('a1101', 'A+ Core 1', 'CompTIA A+ 220-1101: devices, networking, hardware, cloud.'),
  ('a1102', 'A+ Core 2', 'CompTIA A+ 220-1102: operating systems, security, software, procedures.')
on conflict (key) do update
  set name = excluded.name, description = excluded.description
  where (e.name, e.description) is distinct from (excluded.name, excluded.description);
