# cable: Action Cable of Rails behind Puma; the client is another program (ARGV).
require 'action_cable'
require 'action_cable/server'
require 'puma'
require 'puma/server'
require 'logger'

PORT = 8102

module ApplicationCable
  class Connection < ActionCable::Connection::Base; end
end

class ChatChannel < ActionCable::Channel::Base
  def subscribed
    params[:room] == 'closed' ? reject : stream_from("chat_#{params[:room]}")
  end

  def speak(data)
    ActionCable.server.broadcast("chat_#{params[:room]}", { 'text' => data['text'], 'by' => 'sample' })
  end

  def close(_data)
    connection.close(reason: 'enough', reconnect: false)
  end
end

config = ActionCable.server.config
config.logger = Logger.new($stderr, level: Logger::WARN)
config.cable = { 'adapter' => 'async' }
config.connection_class = -> { ApplicationCable::Connection }
config.disable_request_forgery_protection = true

server = Puma::Server.new(->(env) { ActionCable.server.call(env) })
server.add_tcp_listener('127.0.0.1', PORT)
server.run
status = system(*ARGV)
exit!(status ? 0 : 1)
