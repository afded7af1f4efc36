-- The four CompTIA exams that questions and quizzes are for. Seeding again brings names up to date.
select learn_internal.use_product('comptia_quiz');

with rows(key, name, description) as (values
  ('security', 'Security+', 'CompTIA Security+: threats, architecture, operations, governance.'),
  ('network', 'Network+', 'CompTIA Network+: concepts, implementation, operations, security.'),
  ('a1101', 'A+ Core 1', 'CompTIA A+ 220-1101: devices, networking, hardware, cloud.'),
  ('a1102', 'A+ Core 2', 'CompTIA A+ 220-1102: operating systems, security, software, procedures.')
)
select learn_internal.merge_rows(
  'learn.exam_types', '{key}', jsonb_agg(to_jsonb(r))) as exam_types
from rows r;
