-- Where users lack what registering makes: the part of check_integrity() about identity.
create or replace view learn_internal.identity_damage (check_name, user_id, expected, actual) as
select 'user_has_stats', u.id, 'a row in user_stats', 'none'
from learn.users u
where not exists (select from learn.user_stats s where s.user_id = u.id)
union all
select 'registration_days_follow_from_facts', s.user_id, f.local_date::text, s.registered_on::text
from learn.user_stats s
join learn_internal.all_facts f on f.user_id = s.user_id and f.activity_type = 'user_registered'
where s.registered_on <> f.local_date;
comment on view learn_internal.identity_damage is
  'Users without what registering makes; no row when all is well.';
