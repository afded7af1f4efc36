-- Tells users of facts by the rules: one notification for each fact that an active rule names.
-- Silent while the parameter learn.quiet is on, as in imports: `set local learn.quiet = on`.
-- The engine calls it for facts whose type says that it notifies.
create or replace function learn_internal.notify_facts(p_notices learn_internal.notice[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  n          learn_internal.notice;
  v_rule     learn.notification_rules;
  v_values   jsonb;                  -- of placeholders
  v_name     text;
  v_evidence jsonb;
  v_id       bigint;
  v_told     learn_internal.told[] := '{}'::learn_internal.told[];
  v_now      timestamptz;
begin
  if current_setting('learn.quiet', true) in ('on', 'true') then
    return;
  end if;
  foreach n in array p_notices loop
    v_name := null;
    v_values := n.properties
      || jsonb_build_object('subject_type', n.subject_type, 'subject_id', n.subject_id);
    if n.subject_type = 'achievement' then
      select a.name, u.evidence into v_name, v_evidence
      from learn.achievements a
      left join learn.user_achievements u
        on u.user_id = n.user_id and u.achievement_id = a.id
          and n.activity_type = 'achievement_earned'
      where a.slug = n.subject_id;
      v_values := coalesce(v_evidence, '{}') || v_values;
    elsif split_part(n.subject_id, ':', 1) ~ '^[0-9]{1,18}$' then
      -- subjects that others record need not be numbers
      v_id := split_part(n.subject_id, ':', 1)::bigint;
      v_name := case n.subject_type
        when 'challenge' then (select c.title from learn.challenges c where c.id = v_id)
        when 'challenge_level' then (select c.title from learn.challenges c where c.id = v_id)
        when 'course' then (select c.title from learn.courses c where c.id = v_id)
        when 'course_level' then (select c.title from learn.course_levels c where c.id = v_id)
        when 'lesson' then (select l.title from learn.lessons l where l.id = v_id)
        when 'track' then (select t.title from learn.tracks t where t.id = v_id)
        when 'path' then (select p.title from learn.learning_paths p where p.id = v_id)
      end;
    end if;
    if v_name is not null then
      v_values := jsonb_build_object('name', v_name) || v_values;
    end if;
    select * into v_rule
    from learn.notification_rules k
    where k.activity_type = n.activity_type and k.is_active and v_values @> k.filter
    order by k.filter = '{}', k.type
    limit 1;
    continue when not found;
    v_told := v_told || (
      n.user_id, n.fact_id, v_rule.type,
      -- a title that comes out blank, or words that come out long, must not fail what the user has just done
      coalesce(nullif(btrim(
        left(learn_internal.fill_placeholders(v_rule.title, v_values), 300)), ''), v_rule.type),
      left(learn_internal.fill_placeholders(v_rule.message, v_values), 10000),
      left(learn_internal.fill_placeholders(v_rule.action_url, v_values), 2000))::learn_internal.told;
  end loop;

  if cardinality(v_told) > 0 then
    v_now := learn.clock();
    insert into learn.notifications
      (user_id, type, title, message, action_url, fact_id, created_at)
    select t.user_id, t.type, t.title, t.message, t.action_url, t.fact_id, v_now
    from unnest(v_told) t
    on conflict (user_id, fact_id) where fact_id is not null do nothing;
  end if;
end;
$$;
comment on function learn_internal.notify_facts(learn_internal.notice[]) is
  'Tells users of facts by the rules, each fact once.';
revoke all on function learn_internal.notify_facts(learn_internal.notice[]) from public;
