-- The CompTIA exams that questions and quizzes are for, with as many seconds for a question as the exams give
-- (90 questions in 90 minutes). A+ 220-1101 and 220-1102 were retired in September 2025: they stay, inactive,
-- for the quizzes that were taken. Seeding again brings names up to date; whether an exam is active and its
-- time limit stay as the deployment has them.
select learn_internal.use_product('comptia_quiz');

with rows(key, name, description, seconds_per_question, is_active) as (values
  ('security', 'Security+',
    'CompTIA Security+ SY0-701: threats, architecture, operations, governance.', 60, true),
  ('network', 'Network+',
    'CompTIA Network+ N10-009: concepts, implementation, operations, security.', 60, true),
  ('a1201', 'A+ Core 1', 'CompTIA A+ 220-1201: devices, networking, hardware, cloud.', 60, true),
  ('a1202', 'A+ Core 2',
    'CompTIA A+ 220-1202: operating systems, security, software, procedures.', 60, true),
  ('a1101', 'A+ Core 1 (220-1101)', 'CompTIA A+ 220-1101, retired: see A+ Core 1.', 60, false),
  ('a1102', 'A+ Core 2 (220-1102)', 'CompTIA A+ 220-1102, retired: see A+ Core 2.', 60, false)
)
select learn_internal.merge_rows(
  'learn.exam_types', '{key}', jsonb_agg(to_jsonb(r)), '{seconds_per_question,is_active}') as exam_types
from rows r;
