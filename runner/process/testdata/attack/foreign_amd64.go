package main

func foreignCall()
