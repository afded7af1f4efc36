-- The facts that metrics count: not those that say themselves that they do not, such as quizzes of too few
-- questions, nor those that turned out not to hold, such as answers by a wrong key.
create or replace view learn_internal.counted_facts as
select f.*
from learn_internal.all_facts f
where not f.properties @> '{"counts": false}'
  and not exists (
    select from learn_internal.withdrawn_facts w where w.user_id = f.user_id and w.fact_id = f.id);
comment on view learn_internal.counted_facts is
  'Facts that metrics count: neither those that say {"counts": false} nor those that were withdrawn.';
