# An application of Rails that has the files of this folder, and nothing else. It listens on this port.
require "action_controller/railtie"
require "active_record/railtie"
begin
  require "rackup/handler/webrick"
rescue LoadError
  require "rack/handler/webrick" # Rack 2
end

ENV["RAILS_ENV"] = "production"
ENV["DATABASE_URL"] = "sqlite3:rollcall.db"

class ApplicationRecord < ActiveRecord::Base
  self.abstract_class = true
end

class Receiver < Rails::Application
  config.root = Dir.pwd
  config.eager_load = true
  config.secret_key_base = "no cookie is signed"
  config.logger = Logger.new($stderr)
  config.active_record.maintain_test_schema = false
end

Receiver.initialize!
ActiveRecord::Tasks::DatabaseTasks.migrate
handler = defined?(Rackup) ? Rackup::Handler::WEBrick : Rack::Handler::WEBrick
handler.run(Receiver, Host: "127.0.0.1", Port: Integer(ARGV.fetch(0)))
