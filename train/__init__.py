"""A recipe in; an adapter and a merged model out, by way of Axolotl."""
