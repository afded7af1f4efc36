-- What `dbtool docs` shows below each function that may be called: what follows `-- schema.function`. In it, :name stands
-- for what the query after `-- :name (what it is)` finds in the database that the pages are about, as SQL; where it finds
-- nothing, the page says so instead; a second column that is false says that what the first one names is not there yet.
-- No name, no code and no other secret of a learner gets onto a page.

-- :learner (a learner)
select case when bool_or(username = 'ada') then '(select id from learn.users where username = ''ada'')'
  else '(select user_id from learn.user_stats order by total_xp desc, user_id limit 1)' end, count(*) > 0
from learn.users;

-- :other (a second learner)
select '(select user_id from learn.user_stats order by total_xp, user_id desc limit 1)', count(*) > 1
from learn.users;

-- :earned (an achievement that the learner has)
select format('%L', a.slug)
from learn.achievements a
join learn.user_achievements h on h.achievement_id = a.id
join learn.users u on u.id = h.user_id
join learn.user_stats s on s.user_id = u.id
order by u.username <> 'ada', s.total_xp desc, s.user_id, a.rarity = 'common', a.slug limit 1;

-- :badge (an achievement)
select format('%L', a.slug) from learn.achievements a
where a.is_active order by a.is_hidden, a.display_order desc, a.slug limit 1;

-- :lesson (a lesson without exercises that is open to all)
select format('(select id from learn.lessons where slug = %L)', l.slug)
from learn.lessons l
left join learn.course_levels v on v.id = l.course_level_id
left join learn.courses c on c.id = coalesce(l.course_id, v.course_id)
where l.is_available and coalesce(v.position, 1) = 1
  and not exists (select from learn.exercises e where e.lesson_id = l.id and e.is_published)
  and not exists (select from learn.course_prerequisites p where p.course_id = c.id)
order by l.id limit 1;

-- :exercise (an exercise)
select format('(select e.id from learn.exercises e join learn.lessons l on l.id = e.lesson_id where l.slug = %L and e.position = %s)',
  l.slug, e.position)
from learn.exercises e join learn.lessons l on l.id = e.lesson_id
where e.is_published and l.is_available order by l.id, e.position limit 1;

-- :course (a course without prerequisites)
select format('(select id from learn.courses where slug = %L)', c.slug)
from learn.courses c
where c.is_published and not exists (select from learn.course_prerequisites p where p.course_id = c.id)
order by c.id limit 1;

-- :tier (a course with lessons of some difficulty)
select format('%L', l.difficulty)
from learn.courses c
left join learn.course_levels v on v.course_id = c.id
join learn.lessons l on c.id = l.course_id or l.course_level_id = v.id
where c.is_published and l.is_available and l.difficulty is not null
  and not exists (select from learn.course_prerequisites p where p.course_id = c.id)
order by c.id, l.difficulty limit 1;

-- :certificate (a certificate)
select '(select certificate_number from learn.nft_certificates order by id limit 1)' from learn.nft_certificates limit 1;

-- :code (a certificate)
select '(select verify_code from learn.nft_certificates order by id limit 1)' from learn.nft_certificates limit 1;

-- :exam (an exam with questions)
select format('%L', t.key) from learn.exam_types t
where (select count(*) from learn.questions q where q.exam_type = t.key and q.is_active) >= 2 order by t.key limit 1;

-- :challenge (a challenge that is open to all)
select format('(select id from learn.challenges where slug = %L)', c.slug)
from learn.challenges c
where c.is_active and exists (select from learn.challenge_levels l where l.challenge_id = c.id and l.level_number = 1)
  and not exists (select from learn.challenge_prerequisites p where p.challenge_id = c.id)
  and not exists (select from learn.track_prerequisites p where p.track_id = c.track_id)
order by c.id limit 1;

-- :hinted (a challenge with hints that is open to all)
select format('(select id from learn.challenges where slug = %L)', c.slug)
from learn.challenges c
join learn.challenge_levels l on l.challenge_id = c.id and l.level_number = 1 and jsonb_array_length(l.hints) > 0
where c.is_active
  and not exists (select from learn.challenge_prerequisites p where p.challenge_id = c.id)
  and not exists (select from learn.track_prerequisites p where p.track_id = c.track_id)
order by c.id limit 1;

-- :skill (a skill without prerequisites)
select format('(select id from learn.skills where slug = %L)', s.slug)
from learn.skills s
where not exists (select from learn.skill_prerequisites p where p.skill_id = s.id) order by s.id limit 1;

-- :avatar (an avatar that everybody has)
select format('(select id from learn.avatars where slug = %L)', a.slug)
from learn.avatars a where a.is_default order by a.display_order, a.slug limit 1;

-- :link (a lesson in a track)
select format('%L', jsonb_build_object('track_id', t.track_id, 'lesson_id', t.lesson_id))
from learn.track_lessons t order by t.track_id, t.position desc limit 1;

-- :question (a question)
select format('(select id from learn.questions where exam_type = %L and external_id = %L)', q.exam_type, q.external_id)
from learn.questions q where q.external_id is not null and q.is_active order by q.id limit 1;

-- learn.accept_solution
select * from learn.post_discussion(p_user_id => :other, p_title => 'Why is this null?',
  p_content => 'I add to it, and get nothing.');
select * from learn.post_reply(p_user_id => :learner, p_discussion_id => (select max(id) from learn.discussions),
  p_content => 'Null plus something is null.');
select * from learn.accept_solution(p_user_id => :other, p_reply_id => (select max(id) from learn.replies));

-- learn.achievement_credential
update learn.platform_settings set value = '"https://learn.example.org"' where key in ('issuer_url', 'credential_url');
update learn.platform_settings set value = '"Laurel"' where key = 'issuer_name';  -- once, by the owner
select * from learn.achievement_credential(p_user_id => :learner, p_slug => :earned);

-- learn.achievement_minted
select * from learn.achievement_minted(p_user_id => :learner, p_slug => :earned, p_token_id => '0.0.78',
  p_serial_number => 1);

-- learn.achievement_progress
select * from learn.achievement_progress(p_user_id => :learner);

-- learn.advance_faucet_request
select * from learn.request_faucet(p_user_id => :learner, p_account => '0.0.4242', p_amount => 5, p_ip => '192.0.2.7');
select * from learn.advance_faucet_request(p_user_id => :learner,
  p_request_id => (select max(id) from learn.faucet_requests), p_status => 'submitted');

-- learn.advance_transaction
select * from learn.record_transaction(p_user_id => :learner, p_tx_id => '0.0.5@1700000000.000000002',
  p_tx_type => 'reward', p_amount_hbar => 1.5);
select * from learn.advance_transaction(p_tx_id => '0.0.5@1700000000.000000002', p_status => 'submitted');

-- learn.allocate_skill_points
select * from learn.allocate_skill_points(p_user_id => :learner, p_skill_id => :skill, p_points => 10);

-- learn.audit_trail
select * from learn.audit_trail(p_user_id => :learner);

-- learn.avatar_collection
select * from learn.avatar_collection(p_user_id => :learner);

-- learn.award_xp
select * from learn.award_xp(p_user_id => :learner, p_amount => 250, p_source_type => 'contest',
  p_source_id => 'june', p_description => 'Won the contest of June');

-- learn.calculate_level_from_xp
select * from learn.calculate_level_from_xp(p_xp => 4711);

-- learn.calculate_user_streak
select * from learn.calculate_user_streak(p_user_id => :learner);

-- learn.certificate_credential
update learn.platform_settings set value = '"https://learn.example.org"' where key in ('issuer_url', 'credential_url');
update learn.platform_settings set value = '"Laurel"' where key = 'issuer_name';  -- once, by the owner
select * from learn.certificate_credential(p_code => :code);

-- learn.certificate_minted
select * from learn.certificate_minted(p_certificate_number => :certificate, p_token_id => '0.0.77',
  p_serial_number => 1);

-- learn.certificates
select * from learn.certificates(p_user_id => :learner);

-- learn.challenge_status
select * from learn.challenge_status(p_user_id => :learner);

-- learn.check_achievements
select * from learn.check_achievements(p_user_id => :learner);

-- learn.check_and_unlock_challenges
select * from learn.check_and_unlock_challenges(p_user_id => :learner);

-- learn.choose_difficulty
select * from learn.enroll_in_course(p_user_id => :learner, p_course_id => :course);
select * from learn.choose_difficulty(p_user_id => :learner, p_course_id => :course, p_difficulty => :tier);

-- learn.claim_outbox
select * from learn.claim_outbox(p_limit => 10, p_worker => 'mailer');

-- learn.clock
select * from learn.clock();

-- learn.close_abandoned_sessions
select * from learn.close_abandoned_sessions();

-- learn.close_period
select * from learn.close_period(p_period => 'week', p_on => current_date - 14);

-- learn.complete_lesson
select * from learn.complete_lesson(p_user_id => :learner, p_lesson_id => :lesson, p_score => 87.5,
  p_idempotency_key => 'request-7');

-- learn.complete_outbox
insert into learn.outbox (topic) values ('welcome');  -- as Laurel's triggers do
select * from learn.claim_outbox(p_worker => 'mailer');
select * from learn.complete_outbox(p_ids => array(select id from learn.outbox where claimed_by = 'mailer'));

-- learn.current_learner
select set_config('learn.user_id', :learner::text, true);  -- in each transaction of a session of learn_user
select * from learn.current_learner();

-- learn.delete_discussion
select * from learn.post_discussion(p_user_id => :other, p_title => 'Why is this null?',
  p_content => 'I add to it, and get nothing.');
select * from learn.delete_discussion(p_user_id => :other, p_discussion_id => (select max(id) from learn.discussions));

-- learn.delete_reply
select * from learn.post_discussion(p_user_id => :other, p_title => 'Why is this null?',
  p_content => 'I add to it, and get nothing.');
select * from learn.post_reply(p_user_id => :learner, p_discussion_id => (select max(id) from learn.discussions),
  p_content => 'Null plus something is null.');
select * from learn.delete_reply(p_user_id => :learner, p_reply_id => (select max(id) from learn.replies));

-- learn.edit_discussion
select * from learn.post_discussion(p_user_id => :other, p_title => 'Why is this null?',
  p_content => 'I add to it, and get nothing.');
select * from learn.edit_discussion(p_user_id => :other,
  p_discussion_id => (select max(id) from learn.discussions), p_tags => '{nulls,arithmetic}');

-- learn.edit_reply
select * from learn.post_discussion(p_user_id => :other, p_title => 'Why is this null?',
  p_content => 'I add to it, and get nothing.');
select * from learn.post_reply(p_user_id => :learner, p_discussion_id => (select max(id) from learn.discussions),
  p_content => 'Null plus something is null.');
select * from learn.edit_reply(p_user_id => :learner, p_reply_id => (select max(id) from learn.replies),
  p_content => 'Anything plus null is null: coalesce() helps.');

-- learn.end_session
select * from learn.start_session(p_user_id => :learner, p_session_type => 'lesson', p_resource_id => '12');
select * from learn.end_session(p_user_id => :learner, p_session_id => (select max(id) from learn.learning_sessions));

-- learn.enroll_in_course
select * from learn.enroll_in_course(p_user_id => :learner, p_course_id => :course);

-- learn.erase_user
select * from learn.erase_user(p_user_id => :learner, p_posts => 'keep');

-- learn.exercise_hints
select * from learn.exercise_hints(p_user_id => :learner, p_exercise_id => :exercise);

-- learn.exercise_solution
select * from learn.exercise_solution(p_user_id => :learner, p_exercise_id => :exercise);

-- learn.explain_xp
select * from learn.explain_xp(p_user_id => :learner, p_from => current_date - 30, p_to => current_date + 1);

-- learn.export_user
select * from learn.export_user(p_user_id => :learner);

-- learn.fail_outbox
insert into learn.outbox (topic) values ('welcome');  -- as Laurel's triggers do
select * from learn.claim_outbox(p_worker => 'mailer');
select * from learn.fail_outbox(p_ids => array(select id from learn.outbox where claimed_by = 'mailer'),
  p_error => 'no network');

-- learn.get_password_hash
select * from learn.get_password_hash(p_user_id => :learner);

-- learn.grant_achievement
select * from learn.grant_achievement(p_user_id => :learner, p_slug => :badge);

-- learn.grant_streak_freezes
select * from learn.grant_streak_freezes(p_user_id => :learner, p_count => 1);

-- learn.import_questions
select * from learn.import_questions(p_questions => jsonb_build_array(jsonb_build_object(
  'exam_type', :exam, 'external_id', 'q-1', 'question_text', 'Which port does HTTPS use?', 'correct_answer', 'B',
  'options', '{"A": {"text": "80"}, "B": {"text": "443"}}'::jsonb)));

-- learn.leaderboard
select * from learn.leaderboard(p_period => 'all_time', p_limit => 3);

-- learn.leaderboard_around
select * from learn.leaderboard_around(p_user_id => :learner, p_period => 'all_time', p_metric => 'xp', p_span => 2);

-- learn.link_wallet
select * from learn.link_wallet(p_user_id => :learner, p_address => '0x52908400098527886E0F7030069857D2E4169EE7',
  p_nonce => 'nonce-of-this-login');

-- learn.localized
select * from learn.localized(p_translations => '{"fil": {"title": "Aralin"}}', p_locale => 'fil-PH',
  p_field => 'title', p_base => 'Lesson');

-- learn.lock_users
select * from learn.lock_users(p_user_ids => array[:learner, :other]);

-- learn.mark_read
select * from learn.mark_read(p_user_id => :learner);

-- learn.merge_users
select * from learn.merge_users(p_from => :other, p_into => :learner);

-- learn.pin_discussion
select * from learn.post_discussion(p_user_id => :other, p_title => 'Why is this null?',
  p_content => 'I add to it, and get nothing.');
update learn.users set role = 'moderator' where id = :learner;  -- once, by the owner
select * from learn.pin_discussion(p_user_id => :learner, p_discussion_id => (select max(id) from learn.discussions));

-- learn.post_discussion
select * from learn.post_discussion(p_user_id => :learner, p_title => 'Why is this null?',
  p_content => 'I add to it, and get nothing.', p_tags => '{nulls}');

-- learn.post_reply
select * from learn.post_discussion(p_user_id => :other, p_title => 'Why is this null?',
  p_content => 'I add to it, and get nothing.');
select * from learn.post_reply(p_user_id => :learner, p_discussion_id => (select max(id) from learn.discussions),
  p_content => 'Null plus something is null.');

-- learn.publish_content
select * from learn.save_content(p_table => 'courses', p_content => '{"slug": "a-draft", "title": "A draft"}');
select * from learn.publish_content(p_table => 'courses', p_content => '{"slug": "a-draft"}');

-- learn.rank_percentile
select * from learn.rank_percentile(p_user_id => :learner);

-- learn.rate_course
select * from learn.enroll_in_course(p_user_id => :learner, p_course_id => :course);
select * from learn.rate_course(p_user_id => :learner, p_course_id => :course, p_rating => 4,
  p_review => 'Good examples.');

-- learn.recommend_challenges
select * from learn.recommend_challenges(p_user_id => :learner);

-- learn.record_activities
insert into learn.activity_types (key, description) values ('page-read', 'A page was read.')
on conflict do nothing;  -- once, by the owner
select * from learn.record_activities(p_batch => jsonb_build_array(
  jsonb_build_object('user_id', :learner, 'activity_type', 'page-read', 'subject_type', 'page', 'subject_id', '12'),
  jsonb_build_object('user_id', :other, 'activity_type', 'page-read', 'subject_type', 'page', 'subject_id', '12')));

-- learn.record_activity
insert into learn.activity_types (key, description) values ('page-read', 'A page was read.')
on conflict do nothing;  -- once, by the owner
select * from learn.record_activity(p_user_id => :learner, p_activity_type => 'page-read',
  p_subject_type => 'page', p_subject_id => '12');

-- learn.record_login
select * from learn.record_login(p_user_id => :learner);

-- learn.record_transaction
select * from learn.record_transaction(p_user_id => :learner, p_tx_id => '0.0.5@1700000000.000000002',
  p_tx_type => 'reward', p_amount_hbar => 1.5);

-- learn.refresh_analytics
select * from learn.refresh_analytics();

-- learn.refresh_leaderboard
select * from learn.refresh_leaderboard();

-- learn.register_user
select * from learn.register_user(p_username => 'marie', p_email => 'marie@example.org', p_timezone => 'Europe/Paris');

-- learn.regrade_question
update learn.questions set correct_answer = correct_answer where id = :question;  -- by the owner: the right key
select * from learn.regrade_question(p_question_id => :question);

-- learn.request_achievement_nft
update learn.platform_settings set value = 'true' where key = 'nft_minting_enabled';  -- once, by the owner
select * from learn.request_achievement_nft(p_user_id => :learner, p_slug => :earned);

-- learn.request_faucet
select * from learn.request_faucet(p_user_id => :learner, p_account => '0.0.4242', p_amount => 5, p_ip => '192.0.2.7');

-- learn.reset_progress
select * from learn.complete_lesson(p_user_id => :learner, p_lesson_id => :lesson);
select * from learn.reset_progress(p_user_id => :learner, p_kind => 'lesson', p_id => :lesson);

-- learn.reverse_xp
select * from learn.award_xp(p_user_id => :learner, p_amount => 250, p_source_type => 'contest');
select * from learn.reverse_xp(p_user_id => :learner,
  p_transaction_id => (select max(id) from learn.xp_transactions), p_reason => 'paid twice');

-- learn.review_content
select * from learn.save_content(p_table => 'courses', p_content => '{"slug": "a-draft", "title": "A draft"}');
select * from learn.review_content(p_table => 'courses', p_content => '{"slug": "a-draft"}', p_step => 'submit',
  p_note => 'Please look at the title.');

-- learn.revoke_achievement
select * from learn.revoke_achievement(p_user_id => :learner, p_slug => :earned,
  p_reason => 'earned with a shared account');

-- learn.revoke_certificate
select * from learn.revoke_certificate(p_certificate_number => :certificate, p_reason => 'issued by mistake');

-- learn.save_content
select * from learn.save_content(p_table => 'courses', p_content => '{"slug": "a-draft", "title": "A draft"}');

-- learn.schedule_daily_challenges
select * from learn.schedule_daily_challenges(p_days => 3);

-- learn.search_discussions
select * from learn.search_discussions(p_query => 'null -join');

-- learn.select_avatar
select * from learn.select_avatar(p_user_id => :learner, p_avatar_id => :avatar);

-- learn.set_password_hash
select * from learn.set_password_hash(p_user_id => :learner,
  p_password_hash => '$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA');

-- learn.skill_tree
select * from learn.skill_tree(p_user_id => :learner);

-- learn.start_lesson
select * from learn.start_lesson(p_user_id => :learner, p_lesson_id => :lesson);

-- learn.start_quiz
select * from learn.start_quiz(p_user_id => :learner, p_exam_type => :exam, p_questions => 5);

-- learn.start_session
select * from learn.start_session(p_user_id => :learner, p_session_type => 'lesson', p_resource_id => '12');

-- learn.streak_lengths
select * from learn.streak_lengths();

-- learn.submit_assessment
select * from learn.submit_assessment(p_user_id => :learner, p_assessment_type => 'initial',
  p_questions => '[{"id": "q1", "category": "caching", "correct_answer": "B"}]',
  p_responses => '[{"id": "q1", "answer": "B"}]');

-- learn.submit_daily_challenge
insert into learn.daily_challenges (challenge_id, date) values (:challenge, (learn.clock() at time zone 'UTC')::date)
on conflict do nothing;  -- by the owner; learn.schedule_daily_challenges() chooses them for you
select * from learn.submit_daily_challenge(p_user_id => :learner, p_score => 91.25, p_passed => true);

-- learn.submit_level_attempt
select * from learn.submit_level_attempt(p_user_id => :learner, p_challenge_id => :challenge,
  p_level_number => 1, p_score => 80.5, p_passed => true);

-- learn.submit_query
select * from learn.submit_query(p_user_id => :learner, p_exercise_id => :exercise, p_query_text => 'select name, price from products',
  p_is_correct => true, p_duration_ms => 12);

-- learn.submit_quiz
select * from learn.start_quiz(p_user_id => :learner, p_exam_type => :exam, p_questions => 5);
select * from learn.submit_quiz(p_user_id => :learner, p_exam_type => :exam,
  p_answers => (select jsonb_agg(jsonb_build_object('question_id', q, 'answer', 'A'))
    from learn.drawn_quizzes d, unnest(d.question_ids) q where d.closed_at is null and d.user_id = :learner),
  p_time_taken_seconds => 60);

-- learn.unaccept_solution
select * from learn.post_discussion(p_user_id => :other, p_title => 'Why is this null?',
  p_content => 'I add to it, and get nothing.');
select * from learn.post_reply(p_user_id => :learner, p_discussion_id => (select max(id) from learn.discussions),
  p_content => 'Null plus something is null.');
select * from learn.accept_solution(p_user_id => :other, p_reply_id => (select max(id) from learn.replies));
select * from learn.unaccept_solution(p_user_id => :other, p_reply_id => (select max(id) from learn.replies));

-- learn.unenroll
select * from learn.enroll_in_course(p_user_id => :learner, p_course_id => :course);
select * from learn.unenroll(p_user_id => :learner, p_course_id => :course);

-- learn.unlink_content
select * from learn.unlink_content(p_table => 'track_lessons', p_content => :link);

-- learn.unpublish_content
select * from learn.save_content(p_table => 'courses', p_content => '{"slug": "a-draft", "title": "A draft"}');
select * from learn.publish_content(p_table => 'courses', p_content => '{"slug": "a-draft"}');
select * from learn.unpublish_content(p_table => 'courses', p_content => '{"slug": "a-draft"}');

-- learn.unread_count
select * from learn.unread_count(p_user_id => :learner);

-- learn.update_profile
select * from learn.update_profile(p_user_id => :learner,
  p_profile => '{"bio": "I like joins.", "timezone": "Asia/Manila"}');

-- learn.use_hint
select * from learn.use_hint(p_user_id => :learner, p_challenge_id => :hinted, p_level_number => 1, p_hint_number => 1);

-- learn.user_rank
select * from learn.user_rank(p_user_id => :learner, p_period => 'week');

-- learn.verify_certificate
select * from learn.verify_certificate(p_code => :code);

-- learn.verify_email
select * from learn.update_profile(p_user_id => :learner, p_profile => '{"email": "me@example.org"}');
select * from learn.verify_email(p_user_id => :learner, p_email => 'me@example.org');

-- learn.view_discussion
select * from learn.post_discussion(p_user_id => :other, p_title => 'Why is this null?',
  p_content => 'I add to it, and get nothing.');
select * from learn.view_discussion(p_discussion_id => (select max(id) from learn.discussions));

-- learn.vote
select * from learn.post_discussion(p_user_id => :other, p_title => 'Why is this null?',
  p_content => 'I add to it, and get nothing.');
select * from learn.post_reply(p_user_id => :learner, p_discussion_id => (select max(id) from learn.discussions),
  p_content => 'Null plus something is null.');
select * from learn.vote(p_user_id => :other, p_vote_type => 'upvote',
  p_reply_id => (select max(id) from learn.replies));

-- learn.wait_for_lsn
select pg_current_wal_lsn();  -- on the primary, after the write; then on a standby
select * from learn.wait_for_lsn(p_lsn => '0/1', p_timeout => '1 second');

-- learn.why
select * from learn.why(p_user_id => :learner, p_slug => :earned);

-- learn.xp_for_level
select * from learn.xp_for_level(p_level => 7);
